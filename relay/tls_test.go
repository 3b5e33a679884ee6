package relay

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"frontdesk/config"
)

// TestTLSConfig: a server is believed if tls_ca's authorities say who it is, and only by them.
func TestTLSConfig(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(nil)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that do not believe it
	server.StartTLS()
	defer server.Close()
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	dial := func(c *tls.Config) error {
		c.ServerName = "example.com" // httptest's
		conn, err := tls.Dial("tcp", server.Listener.Addr().String(), c)
		if err == nil {
			conn.Close()
		}
		return err
	}
	for _, c := range []struct {
		ca         string
		wrong, why string // with the file; with the server
	}{
		{good, "", ""},
		{"", "", "unknown authority"},
		{filepath.Join(dir, "none.pem"), "no such file", ""},
		{file("text.pem", []byte("words")), "it must be a PEM file", ""},
	} {
		got, err := TLSConfig(&config.Link{TLS: true, TLSCA: c.ca})
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%q: %v", c.ca, err)
			}
			continue
		}
		if err != nil || got.MinVersion != tls.VersionTLS12 || got.InsecureSkipVerify {
			t.Fatalf("%q: %+v, %v", c.ca, got, err)
		}
		if err := dial(got); (err == nil) != (c.why == "") || err != nil && !strings.Contains(err.Error(), c.why) {
			t.Errorf("%q: %v", c.ca, err)
		}
	}
}
