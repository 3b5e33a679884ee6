package relay

import (
	"strings"

	"frontdesk/dispatch"
)

// noticeMark begins every line that the desk itself says in a contact's chat. A customer's
// words that begin so are sent with his name before them.
const noticeMark = "[desk] "

// marked reports whether a text could be taken for the desk's own, or for a colleague's words.
func marked(body string) bool {
	if strings.IndexByte(body, '[') < 0 {
		return false
	}
	for _, line := range strings.FieldsFunc(body, lineBreak) {
		if strings.HasPrefix(strings.ToLower(strings.TrimLeftFunc(line, invisible)), "[desk") {
			return true
		}
	}
	return false
}

// Texts of the desk to agents. Those to customers are in package texts.
const (
	textEncryptedAgent = "Your client encrypted this message, and it was not sent to the customer: switch OMEMO/OpenPGP off for this chat and send it again."
	textUndelivered    = "The customer is gone: what you wrote is kept and goes out when he is back."
	textLater          = "Nothing was sent: a later line starts with \"!\". Send commands in a message of their own."
	textHowTo          = "I take commands only: !help lists them. To write to a customer, write to his contact."
	textWelcome        = "Welcome to the desk. Customers appear as chats of their own; what you write there goes to the customer. !help lists what I understand. " +
		"Switch encryption (OMEMO) off in customers' chats: what is encrypted cannot reach them. In most clients that is the lock in the chat."
	textRetired   = "This customer had no account, cannot come back, and can be reached no more: what was said is kept."
	textRetracted = "This message was taken back by its author, but your client cannot show that."
	textCorrected = "A correction cannot be a command. Nothing was sent or done."
)

// textReleased says to an agent why he lost a conversation. Who gave it away himself is not told.
var textReleased = map[dispatch.Reason]string{
	dispatch.Missed: "No answer in time: this conversation went on to others, and you count as away until you write something. !take brings it back.",
	dispatch.Taken:  "A supervisor took over this conversation.",
	dispatch.Gone:   "You were gone: this conversation went on to others.",
	dispatch.Turns:  "You have said as much as a program may: people take over this conversation.",
}
