package muc

import "testing"

// TestOutline: nicks of people in one room are held apart by signs, not by letters that look alike.
func TestOutline(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"Dave", "Dаve", true}, {"Dave", "DAVÉ", true}, {"Bill", "B1ll", true}, {"Dave", "Dave_", false}, {"Dave", "Da ve", false},
		{"Dave", "Dave 2", false}, {"कि", "की", false}, {"★", "☆", false},
	} {
		if got := outline(c.a) == outline(c.b); got != c.same {
			t.Errorf("%q looks like %q beside it: %v (%q, %q)", c.a, c.b, got, outline(c.a), outline(c.b))
		}
	}
}

func TestLook(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"Anna", "АNNА", true}, {"Anna", "Ａｎｎａ", true}, {"Anna", "a-n n.a", true}, {"Anna", "Ánnà", true}, {"Anna", "Αnna", true},
		{"Bob", "B0b", true}, {"Bill", "BI1l", true}, {"Marnie", "Mamie", true}, {"desk", "Dеsk ✓", true}, {"Иван", "иван", true},
		{"Straße", "strasse", true}, {"★", "★", true},
		{"Anna", "Ann", false}, {"Anna", "Hanna", false}, {"Иван", "Ivan", false}, {"★", "☆", false}, {"★", "Anna", false}, {"Bob", "Rob", false},
		{"李明", "李敏", false}, {"محمد", "أحمد", false},
	} {
		if got := Look(c.a) == Look(c.b); got != c.same {
			t.Errorf("%q looks like %q: %v (%q, %q)", c.a, c.b, got, Look(c.a), Look(c.b))
		}
	}
}
