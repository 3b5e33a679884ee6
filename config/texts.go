package config

import (
	"maps"
	"slices"
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

// said checks what a queue's customers are told, and when.
func (k *checker) said(path string, q *Queue) {
	if at := join(path, "language"); k.given[at] {
		q.Language = k.language(at, q.Language)
	} else {
		q.Language = k.config.Language
	}
	k.texts(join(path, "texts"), q.Texts)
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
