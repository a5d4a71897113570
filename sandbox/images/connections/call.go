package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

const (
	pause   = 100 * time.Millisecond
	report  = time.Second
	timeout = 10 * time.Second
)

// event is a line of what the client prints. Answers and Slowest are since the line before.
type event struct {
	At         time.Time `json:"at"`
	Connection string    `json:"connection"`
	Event      string    `json:"event"` // opened, alive, broken, or refused: it could not be opened
	By         string    `json:"by,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Answers    int       `json:"answers"`
	Slowest    float64   `json:"slowest"` // seconds
}

// dialogue is an open connection: say sends a message and returns the answer to it.
type dialogue struct {
	say   func(message string) (string, error)
	close func()
}

var kinds = map[string]func(address string) (*dialogue, error){
	"tcp": openTCP, "http2": openHTTP2, "websocket": openWebsocket,
}

// call keeps a connection of each kind open, and prints what happens to them. It does not return.
func call(host string, ports map[string]string, output io.Writer) {
	events := make(chan event)
	for kind, open := range kinds {
		address := net.JoinHostPort(host, ports[kind])
		go func() {
			for {
				keep(func() (*dialogue, error) { return open(address) }, func(e event) {
					e.At, e.Connection = time.Now().UTC(), kind
					events <- e
				})
				time.Sleep(report)
			}
		}()
	}
	lines := json.NewEncoder(output)
	for e := range events {
		_ = lines.Encode(e)
	}
}

// keep opens one connection and uses it for as long as it lasts.
func keep(open func() (*dialogue, error), tell func(event)) {
	connection, err := limited(open)
	if err != nil {
		tell(event{Event: "refused", Reason: err.Error()})
		return
	}
	defer connection.close()
	var by string
	told, since := time.Now(), event{Event: "alive"}
	for number := 0; ; number++ {
		started := time.Now()
		name, err := ask(connection, number, timeout)
		if err == nil && by != "" && name != by {
			err = fmt.Errorf("answered by %s, before by %s", name, by)
		}
		switch {
		case err != nil && by == "":
			tell(event{Event: "refused", Reason: err.Error()})
			return
		case err != nil:
			since.Event, since.By, since.Reason = "broken", by, err.Error()
			tell(since)
			return
		case by == "":
			by = name
			tell(event{Event: "opened", By: by})
		}
		since.Answers++
		since.Slowest = max(since.Slowest, time.Since(started).Seconds())
		if time.Since(told) >= report {
			since.By = by
			tell(since)
			told, since = time.Now(), event{Event: "alive"}
		}
		time.Sleep(pause)
	}
}

// ask sends one message and returns who has answered. What has no answer in time is closed.
func ask(connection *dialogue, number int, timeout time.Duration) (string, error) {
	late := new(atomic.Bool)
	timer := time.AfterFunc(timeout, func() { late.Store(true); connection.close() })
	defer timer.Stop()
	answer, err := connection.say(fmt.Sprint(number))
	if late.Load() {
		return "", fmt.Errorf("no answer within %s", timeout)
	}
	if err != nil {
		return "", err
	}
	name, said, _ := strings.Cut(strings.TrimSpace(answer), " ")
	if said != fmt.Sprint(number) {
		return "", fmt.Errorf("the answer to %d was %q", number, answer)
	}
	return name, nil
}

// limited gives up an opening that takes too long; one that succeeds later is closed.
func limited(open func() (*dialogue, error)) (*dialogue, error) {
	type result struct {
		connection *dialogue
		err        error
	}
	opened := make(chan result, 1)
	go func() {
		connection, err := open()
		opened <- result{connection, err}
	}()
	select {
	case r := <-opened:
		return r.connection, r.err
	case <-time.After(timeout):
		go func() {
			if r := <-opened; r.err == nil {
				r.connection.close()
			}
		}()
		return nil, fmt.Errorf("not opened within %s", timeout)
	}
}

func openTCP(address string) (*dialogue, error) {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return lines(connection, connection, func() { connection.Close() }), nil
}

// lines is a dialogue in which each message, and each answer, is a line.
func lines(to io.Writer, from io.Reader, close func()) *dialogue {
	answers := bufio.NewReader(from)
	say := func(message string) (string, error) {
		_, unsaid := fmt.Fprintln(to, message)
		answer, err := answers.ReadString('\n')
		if err == nil {
			err = unsaid
		}
		return answer, err // where both fail, the reading knows why
	}
	return &dialogue{say: say, close: close}
}

func openHTTP2(address string) (*dialogue, error) {
	ctx, cancel := context.WithCancel(context.Background())
	body, messages := io.Pipe()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address, body)
	if err != nil {
		cancel()
		return nil, err
	}
	// One of its own, so that a new stream is never in the connection of a broken one.
	transport := &http.Transport{Protocols: cleartextHTTP2()}
	close := func() {
		cancel()
		messages.Close()
		transport.CloseIdleConnections()
	}
	response, err := transport.RoundTrip(request)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("HTTP %s", response.Status)
	}
	if err != nil {
		close()
		return nil, err
	}
	return lines(messages, response.Body, close), nil
}

func openWebsocket(address string) (*dialogue, error) {
	connection, response, err := websocket.DefaultDialer.Dial("ws://"+address, nil)
	if err != nil {
		if response != nil {
			err = fmt.Errorf("%w: HTTP %s", err, response.Status)
		}
		return nil, err
	}
	say := func(message string) (string, error) {
		if err := connection.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
			return "", err
		}
		_, answer, err := connection.ReadMessage()
		return string(answer), err
	}
	return &dialogue{say: say, close: func() { connection.Close() }}, nil
}
