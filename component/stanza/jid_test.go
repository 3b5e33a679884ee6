package stanza

import "testing"

func TestJID(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, local, domain, resource, bare JID }{
		{"", "", "", "", ""},
		{"a@b/c", "a", "b", "c", "a@b"},
		{"a@b", "a", "b", "", "a@b"},
		{"b", "", "b", "", "b"},
		{"b/c", "", "b", "c", "b"},
		{"a@b/c@d/e", "a", "b", "c@d/e", "a@b"},
		{"b/c@d", "", "b", "c@d", "b"},
		{"a@b/", "a", "b", "", "a@b"},
		{"a@b//", "a", "b", "/", "a@b"},
		{"/", "", "", "", ""},
		{"/c", "", "", "c", ""},
		{"@", "", "", "", "@"},
		{"@b", "", "b", "", "@b"},
		{"a@", "a", "", "", "a@"},
		{"a@b@d/c", "a", "b@d", "c", "a@b@d"},
		{"Ⅳ@é.example/❤️ 😀", "Ⅳ", "é.example", "❤️ 😀", "Ⅳ@é.example"},
	} {
		j := c.in
		local, domain, resource := j.Split()
		if JID(local) != c.local || JID(domain) != c.domain || JID(resource) != c.resource {
			t.Errorf("%q split: %q, %q, %q", j, local, domain, resource)
		}
		if j.Local() != local || j.Domain() != domain || j.Resource() != resource || j.Bare() != c.bare {
			t.Errorf("%q: %q, %q, %q, %q", j, j.Local(), j.Domain(), j.Resource(), j.Bare())
		}
		if got := c.bare.WithResource(resource); resource != "" && got != j {
			t.Errorf("%q put together again: %q", j, got)
		}
		if got := j.WithResource(""); got != c.bare {
			t.Errorf("%q without resource: %q", j, got)
		}
		if got := MakeJID(local, domain, resource); got != j && c.in[0] != '@' && j != "a@b/" && j != "/" {
			t.Errorf("%q made of its parts: %q", j, got)
		}
	}
}
