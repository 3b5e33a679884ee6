package web

import (
	"slices"
	"strings"
)

// more opens what can be done with the message of this text.
func (c *customer) more(text string) {
	c.t.Helper()
	c.do("click", args{"css": ".message:has(.body:text-is('" + text + "')) .more"})
}

// last is the newest message of the customer's that the desk has, as XML.
func (c *customer) last(th *fakeThread) string {
	for _, m := range slices.Backward(th.archive) {
		if m.mine {
			return m.inner
		}
	}
	return ""
}

func (c *customer) awaitLast(parts ...string) {
	c.t.Helper()
	last := ""
	defer func() {
		if c.t.Failed() {
			c.t.Logf("the last is %s", last)
		}
	}()
	c.await(strings.Join(parts, ", "), func(th *fakeThread) bool {
		last = c.last(th)
		return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(last, p) })
	})
}

// ownChanges: the last message is changed by arrow up, and withdrawn.
func ownChanges(c *customer) {
	c.start(nil)
	c.write("Helo")
	c.see("Helo")
	c.do("see", args{"css": ".message[data-state=sent] .body", "text": "Helo"})
	c.do("keys", args{"press": "ArrowUp"})
	c.see("Change your message")
	c.look("editing")
	c.do("keys", args{"press": "Escape"})
	c.do("gone", args{"text": "Change your message"})
	c.do("keys", args{"press": "ArrowUp"})
	c.do("fill", args{"role": "textbox", "name": "Write a message", "value": "Hello"})
	c.do("keys", args{"press": "Enter"})
	c.see("edited")
	c.awaitLast(`urn:xmpp:message-correct:0`, "<body>Hello</body>")
	c.shows("Question of own changes", "Hello")
	c.more("Hello")
	c.do("click", args{"role": "button", "name": "Withdraw"})
	c.see("This message was withdrawn.")
	c.awaitLast("urn:xmpp:message-retract:1")
	c.do("reload", nil)
	c.see("This message was withdrawn.")
	c.shows("Question of own changes")
}

func reactions(c *customer) {
	c.start(nil)
	c.desk.say(c.thread, "d1", `<body>Is that better?</body>`+wantsAll+nickAnna)
	c.see("Is that better?")
	c.more("Is that better?")
	c.see("Reply")
	c.look("actions")
	c.do("click", args{"role": "button", "name": "React with 👍"})
	c.do("see", args{"css": ".theirs .reactions", "text": "👍"})
	c.awaitLast("urn:xmpp:reactions:0", `id="d1"`, "<reaction>👍</reaction>")
	c.do("reload", nil)
	c.do("see", args{"css": ".theirs .reactions", "text": "👍"})
	c.more("Is that better?")
	c.do("click", args{"role": "button", "name": "React with 👍"})
	c.do("gone", args{"css": ".theirs .reactions"})
	c.await("the reaction's withdrawal", func(th *fakeThread) bool { return !strings.Contains(c.last(th), "👍") })
}

func replies(c *customer) {
	c.start(nil)
	c.desk.say(c.thread, "d1", "<body>Red or blue?\nOr 🟢?</body>"+wantsAll+nickAnna)
	c.see("Red or blue?")
	c.do("click", args{"css": ".theirs .more"})
	c.do("click", args{"role": "button", "name": "Reply"})
	c.see("Reply to Anna: Red or blue?")
	c.write("Blue, please")
	c.do("see", args{"css": "blockquote", "text": "Red or blue?"})
	c.do("gone", args{"text": "Reply to Anna"})
	c.awaitLast(`<reply id="d1" to="support@help.example"`, "&gt; Red or blue?\n&gt; Or 🟢?\nBlue, please</body>", `<body end="23" start="0"`)
	c.do("reload", nil)
	c.do("see", args{"css": ".mine blockquote", "text": "Or 🟢?"})
	c.shows("Question of replies", "Red or blue?\nOr 🟢?", "Blue, please")
}

func emoji(c *customer) {
	c.start(nil)
	c.do("fill", args{"role": "textbox", "name": "Write a message", "value": "Yes!"})
	c.do("click", args{"role": "button", "name": "Emoji"})
	c.do("see", args{"role": "button", "name": "🎉"})
	c.look("emoji")
	c.do("click", args{"role": "button", "name": "🎉"})
	c.do("keys", args{"press": "Enter"})
	c.awaitLast("<body>Yes!🎉</body>")
}

// suggestions: what is chosen is said, and an action named (XEP-0439 §3).
func suggestions(c *customer) {
	c.start(nil)
	c.desk.say(c.thread, "d1", `<body>Is it about an order?</body>`+nickAnna+
		`<response xmlns='urn:xmpp:tmp:quick-response' value='yes' label='Yes, an order'/><response xmlns='urn:xmpp:tmp:quick-response' value='no'/>`+
		`<action xmlns='urn:xmpp:tmp:quick-response' id='call' label='Call me'/>`)
	c.do("see", args{"role": "button", "name": "Yes, an order"})
	c.do("see", args{"role": "button", "name": "no"})
	c.do("reload", nil)
	c.do("click", args{"role": "button", "name": "Yes, an order"})
	c.awaitLast("<body>yes</body>")
	c.do("gone", args{"role": "button", "name": "Yes, an order"})
	c.desk.say(c.thread, "d2", `<body>By phone?</body><action xmlns='urn:xmpp:tmp:quick-response' id='call' label='Call me'/>`)
	c.do("click", args{"role": "button", "name": "Call me"})
	c.awaitLast(`<action-selected id="call" xmlns="urn:xmpp:tmp:quick-response"`, "<body>Call me</body>")
}

const ratingForm = `<x xmlns='jabber:x:data' type='form'><title>How was it?</title><instructions>Two questions.</instructions>
<field type='hidden' var='FORM_TYPE'><value>urn:frontdesk:rating</value></field>
<field type='list-single' var='stars' label='Your rating'><required/><option label='Good'><value>5</value></option><option label='Bad'><value>1</value></option></field>
<field type='list-multi' var='topics' label='What was good'><option label='Speed'><value>speed</value></option><option label='Kindness'><value>kind</value></option></field>
<field type='text-multi' var='words' label='In your words'/>
<field type='text-single' var='email' label='E-mail'/>
<field type='boolean' var='again' label='May we write to you?'><value>1</value></field>
<field type='fixed'><value>Thank you.</value></field></x>`

func fillsForm(c *customer) {
	c.start(nil)
	c.desk.say(c.thread, "d1", `<body>How was it? Answer with 1 to 5.</body>`+ratingForm)
	c.do("see", args{"role": "group", "name": "Your rating"})
	c.look("form")
	c.do("click", args{"css": ".form .main"})
	c.do("exists", args{"css": ".form input[value='5']:invalid"})
	c.do("click", args{"text": "Good", "exact": true})
	c.do("click", args{"text": "Kindness"})
	c.do("fill", args{"role": "textbox", "name": "In your words", "value": "Fast\nand kind"})
	c.do("fill", args{"role": "textbox", "name": "E-mail", "value": "maria@example.org"})
	c.do("click", args{"css": ".form .main"})
	c.awaitLast(`type="submit"`, `var="FORM_TYPE"><value>urn:frontdesk:rating</value>`, `var="stars"><value>5</value>`,
		`var="topics"><value>kind</value></field>`, `var="words"><value>Fast</value><value>and kind</value>`,
		`var="email"><value>maria@example.org</value>`, `var="again"><value>1</value>`,
		"Your rating: Good\nWhat was good: Kindness\nIn your words: Fast, and kind")
	c.do("gone", args{"css": ".form .main"})
}

// rates: the end of a conversation as the desk says it asks for a rating once: not in words, in a form and by buttons.
func rates(c *customer) {
	c.start(nil)
	c.desk.say(c.thread, "d1", `<body>It is closed. Answer 1 or 2 😀. Answer "copy" for a copy.</body>`+
		`<response xmlns='urn:xmpp:tmp:quick-response' value='1' label='1: bad'/><response xmlns='urn:xmpp:tmp:quick-response' value='2' label='2: good'/>`+
		`<response xmlns='urn:xmpp:tmp:quick-response' value='copy' label='copy'/>`+
		`<x xmlns='jabber:x:data' type='form'><title>How was it?</title><field type='list-single' var='rating' label='How was it?'><required/>`+
		`<option label='1: bad'><value>1</value></option><option label='2: good'><value>2</value></option></field><field type='text-multi' var='words' label='In words'/></x>`+
		`<fallback xmlns='urn:xmpp:fallback:0' for='jabber:x:data'><body start='14' end='31'/></fallback>`)
	c.see("2: good")
	c.look("rating")
	for css, want := range map[string][]string{
		".theirs .body": {`It is closed. Answer "copy" for a copy.`}, "#choices button": {"copy"}, ".form legend": {"How was it?"}, ".form .choice label": {"1: bad", "2: good"},
	} {
		var got []string
		if c.get("texts", args{"css": css}, &got); !slices.Equal(got, want) {
			c.t.Errorf("%s: %q, want %q", css, got, want)
		}
	}
	c.do("click", args{"css": ".form .main"})
	c.do("exists", args{"css": ".form input:invalid"})
	c.do("click", args{"role": "radio", "name": "2: good"})
	c.do("click", args{"css": ".form .main"})
	c.awaitLast(`type="submit"`, `var="rating"><value>2</value>`, "<body>How was it?: 2: good</body>")
	c.do("gone", args{"css": "#choices button"})
}

// visit opens the chat in the shop, and asks.
func (c *customer) visit() {
	c.t.Helper()
	c.open(c.shop.of(nil, "/"))
	c.do("click", c.button("Open chat"))
	c.ask()
}

// endsChat: the desk is told; what was said stays in sight; the next page loads nothing.
func endsChat(c *customer) {
	c.visit()
	c.menu("End the chat")
	c.see("You have ended this chat.")
	c.await("the end", func(th *fakeThread) bool { return slices.Contains(th.signals, "gone") })
	c.do("click", args{"role": "button", "name": "Close chat", hosted: true})
	c.do("goto", args{"path": c.shop.url + "/cart"})
	c.do("see", c.button("Open chat"))
	var n int
	if c.get("count", args{"css": "iframe", hosted: true}, &n); n != 0 {
		c.t.Error("an ended chat is loaded again")
	}
	c.do("click", c.button("Open chat"))
	c.see("Question of end")
}

// menu chooses from what stands behind the three dots.
func (c *customer) menu(name string) {
	c.t.Helper()
	c.do("click", args{"role": "button", "name": "More", "exact": true})
	c.do("click", args{"role": "button", "name": name})
}

func forgetsMe(c *customer) {
	c.start(nil)
	old := c.thread
	second := c.tab()
	second.see("Question of forget")
	c.do("fill", args{"role": "textbox", "name": "Write a message", "value": "Private"})
	c.do("click", args{"role": "button", "name": "More", "exact": true})
	c.look("menu")
	c.do("click", args{"role": "button", "name": "Forget me on this device"})
	c.see("nobody can open it here again")
	c.look("forget")
	c.do("click", args{"css": "#sure .main"})
	for _, tab := range []*customer{c, second} {
		tab.do("see", args{"role": "button", "name": "Start chat"})
		var left []string
		if tab.get("values", args{"css": "#name, #question, #text"}, &left); strings.Join(left, "") != "" {
			c.t.Errorf("%s: in the fields stands %q", tab.name, left)
		}
	}
	second.clean()
	c.await("the release", func(th *fakeThread) bool { return th.gone })
	var stored string
	if c.get("stored", args{"name": "frontdesk:" + testQueue}, &stored); strings.Contains(stored, old.key+`"`) || strings.Contains(stored, "Maria") {
		c.t.Errorf("still kept: %s", stored)
	}
	c.do("reload", nil)
	c.do("see", args{"role": "button", "name": "Start chat"})
	c.name = "forget" // its question is found anew
	c.do("fill", args{"role": "textbox", "name": "Your question", "value": "Somebody else"})
	c.do("click", args{"role": "button", "name": "Start chat"})
	c.desk.await(c.t, "another thread", func(s *deskState) bool {
		return s.find(func(th *fakeThread) bool { return th != old && slices.Contains(words(th), "Somebody else") }) != nil
	})
	c.shows("Somebody else")
}

func transcript(c *customer) {
	c.start(nil)
	c.set(func(th *fakeThread) {
		for i := range 120 {
			th.archive = append(th.archive, fakeMessage{i%2 == 0, "t" + string(rune('A'+i)), "<body>Line</body>", th.archive[0].at})
		}
	})
	c.desk.say(c.thread, "d1", `<body>The last word</body>`+nickAnna)
	c.see("The last word")
	c.do("click", args{"role": "button", "name": "More", "exact": true})
	var file string
	c.get("saved", args{"role": "button", "name": "Save the conversation"}, &file)
	lines := strings.Split(strings.TrimSpace(file), "\n")
	if lines[0] != "Example Support.txt" || len(lines) != 123 || !strings.HasSuffix(lines[1], "] Maria: Question of transcript") || !strings.HasSuffix(lines[122], "] Anna: The last word") {
		c.t.Errorf("%d lines: %q", len(lines), file)
	}
}

// notices: nothing is asked before the visitor switches them on; then what comes unseen is told.
func notices(c *customer) {
	c.visit()
	c.do("allow", args{"permissions": []string{"notifications"}})
	c.do("click", args{"role": "button", "name": "More", "exact": true})
	c.do("click", args{"role": "checkbox", "name": "Notifications"})
	c.do("see", args{"css": "#notices:checked"})
	c.do("click", args{"role": "checkbox", "name": "Sound"})
	c.do("keys", args{"press": "Escape"})
	c.desk.say(c.thread, "d1", `<body>Seen</body>`+nickAnna)
	c.see("Seen")
	c.do("click", args{"role": "button", "name": "Close chat", hosted: true})
	c.desk.say(c.thread, "d2", `<body>Unseen</body>`+nickAnna)
	c.do("see", c.button("Open chat, 1 new messages"))
	var noticed []string
	if c.get("notices", nil, &noticed); !slices.Equal(noticed, []string{"Anna: Unseen"}) {
		c.t.Errorf("notified: %q", noticed)
	}
}

// seesFaces: who of the agents writes stands over his words, with his picture, wherever that changes.
func seesFaces(c *customer) {
	c.start(nil)
	face := `<face xmlns='urn:frontdesk:0' id='` + faceID + `'/>`
	c.desk.say(c.thread, "", typing+nickAnna+face)
	c.see("Anna is typing…")
	c.desk.say(c.thread, "d1", `<body>Good morning Maria</body>`+nickAnna+face)
	c.desk.say(c.thread, "d2", `<body>One moment, please</body>`+nickAnna+face)
	c.desk.say(c.thread, "d3", `<body>I can help with that</body><nick xmlns='http://jabber.org/protocol/nick'>Bob</nick>`)
	c.desk.say(c.thread, "d4", `<body>Bob knows more than I do</body>`+nickAnna+face)
	c.desk.say(c.thread, "d5", `<body>This is another Anna</body>`+nickAnna)
	c.desk.say(c.thread, "d6", `<body>We close in ten minutes.</body><face xmlns='urn:frontdesk:0' id='../icon.svg'/>`)
	for _, again := range []bool{false, true} {
		if again {
			c.do("reload", nil)
		}
		c.see("We close in ten minutes.")
		var who []string
		if c.get("texts", args{"css": ".first.theirs .who"}, &who); !slices.Equal(who, []string{"Anna", "Bob", "Anna", "Anna", "Example Support"}) {
			c.t.Errorf("those who write are %q", who)
		}
		var n int
		if c.get("count", args{"css": ".first.theirs .who img"}, &n); n != 2 {
			c.t.Errorf("%d pictures, want 2", n)
		}
		c.do("see", args{"css": ".who img"})
		c.look("faces")
	}
}
