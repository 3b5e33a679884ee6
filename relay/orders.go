package relay

import "frontdesk/config"

// orders declares the commands, in the order of !help.
func orders() []order {
	thread := param{name: "number", label: "Thread", kind: aThread}
	why := param{name: "why", label: "Why", kind: aLine, optional: true}
	agent := param{name: "agent", label: "Agent", kind: anAgent}
	queue := param{name: "queue", label: "Queue", kind: aQueue}
	key := param{name: "key", label: "Reply", kind: aKey}
	newKey := param{name: "key", label: "Key", kind: aWord}
	const supervisor, admin = config.Supervisor, config.Admin
	return []order{
		{name: "help", help: "lists what you can do here and now, or explains one command", run: (*Relay).help,
			params: []param{{name: "command", label: "Command", kind: aLine, optional: true}}},

		{name: "take", help: "makes a conversation yours: one that waits or is offered to you, or (supervisors) a colleague's",
			params: []param{thread}, here: isNotMine, run: (*Relay).take},
		{name: "pass", help: "gives your conversation to somebody else, or declines one that is offered to you",
			params: []param{thread}, here: isOffered, run: (*Relay).pass_},
		{name: "close", help: "ends your conversation; the customer's next message opens it again",
			params: []param{thread}, here: isOpen, run: (*Relay).close_},
		{name: "transfer", help: "offers your conversation to a colleague, or to a queue's agents one after the other",
			params: []param{thread, {name: "agent|queue", label: "To", kind: aColleague}, why}, here: isMine, run: (*Relay).transfer},
		{name: "ask", help: "asks colleagues about a conversation, in its case room, where the customer hears nothing",
			params: []param{thread, {name: "agent|queue", label: "Whom", kind: aColleague, optional: true}, {name: "question", label: "Question", kind: aText}}, run: (*Relay).ask},
		{name: "join", help: "lets you write to the customer beside the one who has the conversation",
			params: []param{thread}, here: isNotMine, run: (*Relay).join},
		{name: "add", help: "lets a colleague write to your customer, too", params: []param{thread, agent}, here: isMine, run: (*Relay).add},
		{name: "leave", help: "ends your !join", params: []param{thread}, here: hasJoined, run: (*Relay).leave},
		{name: "write", help: "begins a conversation with a customer who has written before, or whose domain the configuration allows",
			params: []param{{name: "account", label: "Customer's address", kind: anAccount}, queue, {name: "text", label: "Text", kind: aText}}, run: (*Relay).write},

		{name: "c", help: "sends a canned reply; {words}, {1} and so on stand for what follows its key",
			params: []param{thread, {name: "key", label: "Reply", kind: aKey}, {name: "words", label: "Words", kind: aText, optional: true}}, run: (*Relay).sendReply},
		{name: "canned", also: []string{"canned list"}, help: "lists the canned replies that you can send", run: (*Relay).cannedList},
		{name: "canned add", help: "makes a canned reply of your own; {name}, {agent}, {queue}, {words}, {1} and so on are filled in",
			params: []param{newKey, {name: "text", label: "Text", kind: aText}}, run: (*Relay).cannedAdd},
		{name: "canned edit", help: "changes a canned reply of yours",
			params: []param{key, {name: "text", label: "Text", kind: aText}}, run: (*Relay).cannedEdit},
		{name: "canned remove", help: "throws a canned reply of yours away", params: []param{key}, run: (*Relay).cannedRemove},
		{name: "canned share", who: supervisor, help: "gives a copy of a canned reply of yours to a queue's agents",
			params: []param{key, queue}, run: (*Relay).cannedShare},
		{name: "canned unshare", who: supervisor, help: "takes one away from them", params: []param{key, queue}, run: (*Relay).cannedUnshare},

		{name: "note", help: "keeps a note about the customer, for colleagues alone",
			params: []param{thread, {name: "text", label: "Note", kind: aText}}, run: (*Relay).note_},
		{name: "name", help: "says what you and your colleagues call the customer",
			params: []param{thread, {name: "name", label: "Name", kind: aLine}}, run: (*Relay).rename},
		{name: "tag", help: "puts a tag on the thread", params: []param{thread, {name: "tag", label: "Tag", kind: aWord}}, run: (*Relay).tag},
		{name: "untag", help: "takes a tag off", params: []param{thread, {name: "tag", label: "Tag", kind: aTag}}, run: (*Relay).untag},
		{name: "info", help: "tells who the customer is, with whom he talked, tags, notes, waiting times", params: []param{thread}, run: (*Relay).info},
		{name: "last", help: "shows the last messages of a thread, and notes",
			params: []param{thread, {name: "how many", label: "How many", kind: aNumber, least: 1, most: 50, optional: true}}, run: (*Relay).last},
		{name: "find", help: "looks for words in all conversations that you may see, notes, case rooms and the lobby; newest first",
			params: []param{{name: "words", label: "Words", kind: aLine}}, run: (*Relay).searchLog},
		{name: "why", help: "tells why this agent: who was free, who was not, the draw", params: []param{thread}, run: (*Relay).explainWhy},

		{name: "queue", help: "shows who waits in your queues, and what is yours", run: (*Relay).queue_},
		{name: "who", help: "shows who is here, and what I believe of each, since when and why", run: (*Relay).who},
		{name: "away", help: "nothing new for you until !back or for some minutes; you keep what you have",
			params: []param{{name: "minutes", label: "Minutes", kind: aNumber, least: 1, most: 24 * 60, optional: true}, why}, run: (*Relay).away},
		{name: "back", help: "ends !away", run: (*Relay).on},
		{name: "off", help: "the end of your day: what you have goes to others soon", params: []param{why}, run: (*Relay).off},
		{name: "on", help: "you are here again", run: (*Relay).on},
		{name: "max", help: "says how many conversations you have at once; 0 is what the configuration says",
			params: []param{{name: "number", label: "How many", kind: aNumber, most: 1000, optional: true}, {name: "agent", label: "Agent", kind: anAgent, optional: true}}, run: (*Relay).max},
		{name: "quiet", help: "switches off what I tell you unasked, or on again",
			params: []param{{name: "what", label: "What", kind: aChoice, options: quietKinds, optional: true}, {name: "switch", label: "Quiet", kind: aChoice, options: []string{"on", "off"}, optional: true}}, run: (*Relay).quietly},

		{name: "list", who: supervisor, help: "shows the line and every conversation", run: (*Relay).list},
		{name: "watch", who: supervisor, help: "brings you into a thread's case room", params: []param{thread}, run: (*Relay).oversee},
		{name: "assign", who: supervisor, help: "gives a conversation to an agent", params: []param{thread, agent}, run: (*Relay).assign},
		{name: "block", who: supervisor, help: "keeps a customer out for 7 days, or as many as you say",
			params: []param{thread, {name: "days", label: "Days", kind: aNumber, least: 1, most: 3650, optional: true}, {name: "why", label: "Why", kind: aLine}}, run: (*Relay).block},
		{name: "unblock", who: supervisor, help: "lets a blocked customer write again", params: []param{thread}, run: (*Relay).unblock},
		{name: "agents", who: supervisor, help: "lists the agents, their roles and queues", run: (*Relay).agents},
		{name: "stats", who: supervisor, help: "tells what was done in the last 7 days, or as many as you say, by queue and agent",
			params: []param{{name: "queue", label: "Queue", kind: aQueue, optional: true}, {name: "days", label: "Days", kind: aNumber, least: 1, most: maxStatsDays, optional: true}}, run: (*Relay).stats},
		{name: "announce", who: supervisor, help: "says something to all agents", params: []param{{name: "text", label: "Text", kind: aText}}, run: (*Relay).announce},

		{name: "open", who: admin, help: "opens a queue again", params: []param{queue}, run: (*Relay).open_},
		{name: "shut", who: admin, help: "closes a queue: nobody is given its customers", params: []param{queue}, run: (*Relay).shut_},
		{name: "add-agent", who: admin, help: "adds an agent",
			params: []param{{name: "account", label: "Account", kind: anAccount}, {name: "name", label: "Name", kind: aLine, optional: true}}, run: (*Relay).recruit},
		{name: "remove-agent", who: admin, help: "removes an agent", params: []param{agent}, run: (*Relay).remove},
		{name: "role", who: admin, help: "says what somebody is at the desk",
			params: []param{agent, {name: "role", label: "Role", kind: aChoice, options: []string{"agent", "supervisor", "admin"}}}, run: (*Relay).role},
		{name: "reload", who: admin, help: "reads the configuration file again, and says what changed", run: (*Relay).reload},
		{name: "serve", who: admin, help: "makes somebody an agent of a queue", params: []param{agent, queue}, run: (*Relay).serve},
		{name: "unserve", who: admin, help: "ends that", params: []param{agent, queue}, run: (*Relay).unserve},
	}
}
