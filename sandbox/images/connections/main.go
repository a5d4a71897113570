// Long connections between workloads: a server that answers every message with its name, and a client that
// keeps one connection of each kind open, sends a message ten times a second, and says when one breaks.
//
// It does to a mesh what github.com/cilium/test-connection-disruption does to a network, for plain TCP, a
// stream of HTTP/2 in both directions and a WebSocket.
package main

import (
	"fmt"
	"os"
)

const usage = "usage: connections serve NAME | connections call HOST"

func main() {
	if len(os.Args) == 3 {
		switch os.Args[1] {
		case "serve":
			fail(serve(os.Args[2], ports))
		case "call":
			call(os.Args[2], ports, os.Stdout)
		}
	}
	fail(fmt.Errorf(usage))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// ports has the port of each kind of connection. Proxies tell protocols by the names of a Service's ports.
var ports = map[string]string{"tcp": "9000", "http2": "9001", "websocket": "9002"}
