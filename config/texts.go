package config

import (
	"maps"
	"slices"
	"strings"
	"time"

	"frontdesk/texts"
)

// language returns a language tag in lower case.
func (k *checker) language(at, tag string) string {
	lang := texts.Tag(tag)
	if lang == "" {
		k.fault(at, `%q is no language: write one as "en" or "pt-BR"`, tag)
	}
	return lang
}

// maxLanguages bounds how many a table of texts has.
const maxLanguages = 50

// texts checks a table of texts, and puts the tags of its languages in lower case.
func (k *checker) texts(path string, table texts.Table) {
	if len(table) > maxLanguages {
		k.fault(path, "these are %d languages; at most %d are possible", len(table), maxLanguages)
		return
	}
	for _, tag := range slices.Sorted(maps.Keys(table)) {
		at, said := join(path, tag), table[tag]
		lang := k.language(at, tag)
		for _, key := range slices.Sorted(maps.Keys(said)) {
			switch fault := texts.Fault(key, said[key]); {
			case fault == "":
			case slices.Contains(texts.Keys(), key):
				k.fault(join(at, key), "%s", fault)
			default:
				hint := meant(key, texts.Keys())
				if hint == "" {
					hint = ": docs/texts.md lists them"
				}
				k.fault(join(at, key), "there is no text of this name%s", hint)
			}
		}
		if lang == tag || lang == "" {
			continue
		}
		if table[lang] != nil {
			k.fault(at, "%q is there twice: leave one out", lang)
			continue
		}
		delete(table, tag)
		table[lang] = said
	}
}

// known are the fields that have shipped questions.
var known = []string{"name", "email", "order", "topic"}

// maxAsked bounds the fields of a queue; maxTopics, its topics.
const (
	maxAsked  = 10
	maxTopics = 20
)

// asked checks what a queue's customers are asked.
func (k *checker) asked(path string, q *Queue) {
	set := texts.New(q.Language, q.Texts, k.config.Texts)
	for _, list := range []struct {
		key    string
		fields []string
	}{{"ask", q.Ask}, {"ask_closed", q.AskClosed}} {
		at := join(path, list.key)
		if len(list.fields) > maxAsked {
			k.fault(at, "these are %d; at most %d are possible", len(list.fields), maxAsked)
		}
		for i, f := range list.fields {
			switch {
			case slices.Contains(list.fields[:i], f):
				k.fault(at, "%q is there twice: leave one out", f)
			case slices.Contains(known, f):
			case texts.Fault("ask_"+f, "") != "":
				k.fault(at, "%q is no field: write one of %s, or a word of your own in small letters", f, strings.Join(known, ", "))
			case !set.Has("ask_" + f):
				k.fault(at, "nobody knows how to ask for %q%s: write the question as ask_%s into the queue's texts, under [queue.texts.%s]", f, meant(f, known), f, q.Language)
			}
		}
	}
	if len(q.Topics) > 0 && !slices.Contains(q.Ask, "topic") {
		k.fault(join(path, "topics"), `has no effect where nobody is asked: write "topic" into ask`)
	}
	k.skills(join(path, "topics"), q.Topics)
	if len(q.Topics) > maxTopics {
		k.fault(join(path, "topics"), "these are %d; at most %d are possible", len(q.Topics), maxTopics)
	}
}

// said checks what a queue's customers are told, and when.
func (k *checker) said(path string, q *Queue) {
	if at := join(path, "language"); k.given[at] {
		q.Language = k.language(at, q.Language)
	} else {
		q.Language = k.config.Language
	}
	k.texts(join(path, "texts"), q.Texts)
	if !k.given[join(path, "ask_closed")] {
		q.AskClosed = []string{"name", "email"}
	}
	k.asked(path, q)
	if at := join(path, "ask_for"); !k.given[at] {
		q.AskFor = 2 * time.Minute
	} else {
		k.time(at, q.AskFor, 0, time.Hour)
	}
	if at := join(path, "copy"); !k.given[at] {
		q.Copy = "text"
	} else if k.oneOf(at, q.Copy, "off", "text", "page"); q.Copy == "page" && k.config.Web.Address == "" {
		k.fault(at, `a page needs an address: write where customers reach it into [web], as address = "https://chat.example.org"`)
	}
	if at := join(path, "place_every"); !k.given[at] {
		q.PlaceEvery = 2 * time.Minute
	} else if q.PlaceEvery != 0 {
		k.time(at, q.PlaceEvery, 30*time.Second, 24*time.Hour)
	}
}
