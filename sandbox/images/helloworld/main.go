// The HelloWorld server of the sandbox: answers as Istio's sample of that name does, and shows the
// headers that a request arrived with.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"
)

const address = ":5000"

func main() {
	instance, err := os.Hostname()
	if err != nil {
		log.Fatal(err)
	}
	greeting := fmt.Sprintf("Hello version: %s, instance: %s\n", os.Getenv("SERVICE_VERSION"), instance)

	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, greeting)
	})
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "Helloworld is healthy")
	})
	mux.HandleFunc("GET /headers", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(r.Header); err != nil {
			log.Print(err)
		}
	})

	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}
