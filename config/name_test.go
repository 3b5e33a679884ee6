package config

import "testing"

// TestNames: what passed through Prosody 0.12 and ejabberd 23.01 as the nick of somebody in a room, and what one of them dropped.
func TestNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "Anna", "Anna ☎", "Ａnna", "Anna ①", "Jürgen-Ω 2", "李雷", "אנה", "עמר בן אנה", "אב1גד", "عمر"} {
		if problem := NameProblem(name); problem != "" {
			t.Errorf("%q: %s", name, problem)
		}
	}
	for _, name := range []string{"Anna 🎉", "🎉", "Anna ẞ", "ꭰnna", "אנה Anna", "Anna אנה", "אנה 2", "2 אנה", "عمر A", "אנה Ａ"} {
		if NameProblem(name) == "" {
			t.Errorf("%q passes", name)
		}
	}
}
