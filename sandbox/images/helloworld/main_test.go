package main

import (
	"encoding/json"
	"net/http/httptest"
	"testing"
)

func get(t *testing.T, path string, headers map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest("GET", path, nil)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	recorder := httptest.NewRecorder()
	handler("east", "pod-1").ServeHTTP(recorder, request)
	return recorder
}

func TestHelloAnswersAsIstiosSampleDoes(t *testing.T) {
	got := get(t, "/hello", nil).Body.String()
	if want := "Hello version: east, instance: pod-1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHealthIsOK(t *testing.T) {
	if code := get(t, "/health", nil).Code; code != 200 {
		t.Errorf("got %d", code)
	}
}

func TestHeadersShowsWhatTheRequestCarried(t *testing.T) {
	const name, value = "X-Forwarded-Client-Cert", "By=spiffe://a;URI=spiffe://b"
	var got map[string][]string
	if err := json.Unmarshal(get(t, "/headers", map[string]string{name: value}).Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got[name]) != 1 || got[name][0] != value {
		t.Errorf("got %v", got)
	}
}

func TestOtherPathsAreNotFound(t *testing.T) {
	if code := get(t, "/other", nil).Code; code != 404 {
		t.Errorf("got %d", code)
	}
}
