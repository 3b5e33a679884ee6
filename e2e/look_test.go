package e2e

import (
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"frontdesk/web"
)

// TestLookReloaded: an admin's !reload changes how the page and the widget look, at once and without a restart; a bad
// colour changes nothing.
func TestLookReloaded(t *testing.T) {
	t.Parallel()
	w := newFake(t)
	logo := filepath.Join(w.dir, "logo.svg")
	must(t, os.WriteFile(logo, []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), 0o600))
	h := web.New(w.cfg, w.relay, slog.New(slog.DiscardHandler))
	loader := func() string {
		r := httptest.NewRecorder()
		h.ServeHTTP(r, httptest.NewRequest("GET", "/widget.js", nil))
		_, looks, _ := strings.Cut(r.Body.String(), "LOOKS=")
		looks, _, _ = strings.Cut(looks, ",me")
		return looks
	}
	d := &dialogue{w: w, t: t, names: map[string]string{}, who: map[string]*client{}, at: "look"}
	d.login("olga")
	d.enter("olga")
	usual := w.conf.Load().(string)
	reload := func(look, answer, want string) {
		t.Helper()
		w.configure(strings.Replace(usual, "name = \"support\"\n", "name = \"support\"\n"+look+"\n", 1))
		d.writes("olga", "desk", "!reload")
		d.hears("olga", "desk", "{any}"+answer+"{any}")
		if got := loader(); got != want {
			t.Errorf("the looks are %s, want %s", got, want)
		}
	}
	reload(`look = { color = "#080", position = "left" }`, "Changed: queue support: look.color, look.position.", `{__proto__:null,"":{},"support":{"color":"#008800","position":"left"}}`)
	reload(`look = { color = "green" }`, `look.color: "green" is no colour here: `, `{__proto__:null,"":{},"support":{"color":"#008800","position":"left"}}`)
	reload(`look = { logo = "`+logo+`" }`, "look.color, look.position, look.logo.", `{__proto__:null,"":{},"support":{"image":"logo/900fbe934249ad120004bd24adf66aad/support"}}`)
	reload("", "look.logo.", `{__proto__:null,"":{}}`)
}
