package main

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// way is a server of one kind, and what is between it and its callers, which can be cut.
type way struct {
	address string
	cut     func()
}

func wayTo(t *testing.T, answer func(net.Listener) error) way {
	t.Helper()
	server, between := listen(t), listen(t)
	go answer(server)
	opened := make(chan net.Conn, 2)
	go func() {
		inside, _ := between.Accept()
		outside, _ := net.Dial("tcp", server.Addr().String())
		opened <- inside
		opened <- outside
		go io.Copy(inside, outside)
		_, _ = io.Copy(outside, inside)
	}()
	return way{between.Addr().String(), func() { (<-opened).Close(); (<-opened).Close() }}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

func kept(kind, address string) <-chan event {
	events := make(chan event)
	go func() {
		keep(func() (*dialogue, error) { return kinds[kind](address) }, func(e event) { events <- e })
		close(events)
	}()
	return events
}

func next(t *testing.T, events <-chan event) event {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(5 * time.Second):
		t.Fatal("nothing is said")
		return event{}
	}
}

func TestAConnectionOfEachKindIsOpenedLivesAndBreaksWithAReason(t *testing.T) {
	for kind, answer := range servers("west") {
		t.Run(kind, func(t *testing.T) {
			way := wayTo(t, answer)
			events := kept(kind, way.address)
			if got := next(t, events); got.Event != "opened" || got.By != "west" {
				t.Fatalf("got %+v", got)
			}
			if got := next(t, events); got.Event != "alive" || got.Answers < 2 || got.Slowest <= 0 {
				t.Fatalf("got %+v", got)
			}
			way.cut()
			got := next(t, events)
			for got.Event == "alive" {
				got = next(t, events)
			}
			if got.Event != "broken" || got.By != "west" || got.Reason == "" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestWhatCannotBeOpenedIsRefused(t *testing.T) {
	listener := listen(t)
	listener.Close()
	for kind := range kinds {
		if got := next(t, kept(kind, listener.Addr().String())); got.Event != "refused" || got.Reason == "" {
			t.Errorf("%s: got %+v", kind, got)
		}
	}
}

func TestAnAnswerByAnotherServerIsABreak(t *testing.T) {
	names := []string{"west", "west", "south"}
	answers := 0
	say := func(message string) (string, error) {
		answers++
		return fmt.Sprintf("%s %s", names[answers-1], message), nil
	}
	open := func() (*dialogue, error) { return &dialogue{say: say, close: func() {}}, nil }
	var last event
	keep(open, func(e event) { last = e })
	if last.Event != "broken" || last.Reason != "answered by south, before by west" {
		t.Errorf("got %+v", last)
	}
}

func TestWhatIsNotAnsweredInTimeIsClosed(t *testing.T) {
	closed := make(chan struct{})
	silent := &dialogue{
		say:   func(string) (string, error) { <-closed; return "", io.EOF },
		close: func() { close(closed) },
	}
	_, err := ask(silent, 1, 10*time.Millisecond)
	if err == nil || err.Error() != "no answer within 10ms" {
		t.Errorf("got %v", err)
	}
}
