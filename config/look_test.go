package config

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"frontdesk/texts"
)

const (
	aPNG  = "\x89PNG\r\n\x1a\n..."
	aWebP = "RIFF\x10\x00\x00\x00WEBPVP8 ...."
	aJPEG = "\xff\xd8\xff\xe0..."
)

// withLook is a file with a look of the page, one of its queue, and the file "logo" beside it.
func withLook(t *testing.T, logo, page, queue string) (*Config, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "logo"), []byte(logo), 0o600); err != nil {
		t.Fatal(err)
	}
	return Parse(good+"[queue.look]\n"+queue+"\n[web]\nlisten = \"\"\n[web.look]\n"+page, dir, environment)
}

// TestLook: a queue's look counts before the page's, key by key and text by text; the texts of neither change.
func TestLook(t *testing.T) {
	t.Parallel()
	c, err := withLook(t, aPNG, "color = \"#FD0\"\nlogo = \"logo\"\ntheme = \"dark\"\ngreeting_after = \"3s\"\n[web.look.texts.de]\ntitle = \"Fragen?\"\nask = \"Was denn?\"\n",
		"position = \"left\"\ntheme = \"system\"\ntexts = { de = { title = \"\" }, fr = { write = \"Écrire\" } }")
	if err != nil {
		t.Fatal(err)
	}
	page := c.Web.Look
	got := c.Queues[0].Look.Over(page)
	want := Look{Color: "#ffdd00", Position: "left", Theme: "system", Logo: page.Logo, GreetingAfter: 3 * time.Second,
		Texts: texts.Table{"de": {"title": "", "ask": "Was denn?"}, "fr": {"write": "Écrire"}},
		Image: Image{Type: "image/png", Bytes: []byte(aPNG), Sum: page.Image.Sum}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if !reflect.DeepEqual(page.Texts, texts.Table{"de": {"title": "Fragen?", "ask": "Was denn?"}}) {
		t.Errorf("the page's texts are now %v", page.Texts)
	}
	if len(page.Image.Sum) != 32 || page.IsZero() || !(&Look{}).IsZero() {
		t.Errorf("got %+v", page)
	}
}

// TestLogo: a logo is what its bytes are, not what its name is; what is no picture, or a large one, is refused.
func TestLogo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ logo, want string }{
		{aPNG, "image/png"}, {aWebP, "image/webp"}, {aJPEG, "image/jpeg"},
		{`<?xml version="1.0"?><!-- a --><svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0"/></svg>`, "image/svg+xml"},
		{"GIF89a...", "is no picture in PNG, SVG, WebP or JPEG"},
		{"<!doctype html><svg></svg>", `its root is not <svg xmlns="http://www.w3.org/2000/svg">`},
		{`<svg xmlns="http://www.w3.org/2000/svg"><path>`, "unexpected EOF"},
		{`<!DOCTYPE svg [<!ENTITY a "b">]><svg xmlns="http://www.w3.org/2000/svg">&a;</svg>`, "invalid character entity &a;"},
		{"", "is no picture"},
		{aPNG + strings.Repeat(".", 32<<10), "is longer than 32768 bytes"},
	} {
		got, err := withLook(t, c.logo, "logo = \"logo\"", "")
		switch {
		case err == nil && got.Web.Look.Image.Type != c.want:
			t.Errorf("%.40q is %s, want %s", c.logo, got.Web.Look.Image.Type, c.want)
		case err == nil && !bytes.Equal(got.Web.Look.Image.Bytes, []byte(c.logo)):
			t.Errorf("%.40q has other bytes", c.logo)
		case err != nil && (!strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "line 22: web.look.logo: ")):
			t.Errorf("%.40q: %v, want %s", c.logo, err, c.want)
		}
	}
}

// TestLogoRenewed: another picture in the same file is a change.
func TestLogoRenewed(t *testing.T) {
	t.Parallel()
	load := func(logo string) *Config {
		c, err := withLook(t, logo, "logo = \"logo\"", "logo = \"logo\"")
		if err != nil {
			t.Fatal(err)
		}
		c.Data, c.Web.Look.Logo, c.Queues[0].Look.Logo = "data", "logo", "logo" // each has a folder of its own
		return c
	}
	merged, changed, later := load(aPNG).Renew(load(aPNG + "."))
	if !slices.Equal(changed, []string{"web.look.logo", "queue support: look.logo"}) || later != nil || string(merged.Web.Look.Image.Bytes) != aPNG+"." || merged.Web.Look.Logo != "logo" {
		t.Errorf("changed %q, later %q, %+v", changed, later, merged.Web.Look)
	}
}

// TestTooManyLooks: the loader of the widget carries them all.
func TestTooManyLooks(t *testing.T) {
	t.Parallel()
	text := good
	for i := range maxLooks + 2 {
		text += "[[queue]]\nname = \"q" + strings.Repeat("x", i) + "\"\n[queue.look]\ncolor = \"#000\"\n"
	}
	_, err := Parse(text, ".", environment)
	if err == nil || strings.Count(err.Error(), "\n") != 0 || !strings.Contains(err.Error(), "queue.look: at most 30 queues can have a look of their own") {
		t.Errorf("got %v", err)
	}
}
