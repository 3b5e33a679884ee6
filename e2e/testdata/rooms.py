"""Agents in the lobby, and a guest in a room of theirs, who use the library slixmpp as it comes.

    python3 rooms.py PORT

PORT is that of the agents' server on 127.0.0.1. The line "restart" on the output asks for a restart of the desk; a line on the
input says that it is over. Whoever waits in vain, or is told what should not be, ends the program with what was heard until then.
"""

import asyncio
import sys

from slixmpp import ClientXMPP, JID
from slixmpp.exceptions import IqError
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

PATIENCE = 20  # seconds, for each thing that must come
HOST = "agents.localhost"
LOBBY = JID("lobby@desk.agents.localhost")
TEAM = JID("team@desk.agents.localhost")

orders, sys.stdout = sys.stdout, sys.stderr  # the library prints


class Person(ClientXMPP):
    """Somebody's client. What the library makes of what comes is kept until somebody asks for it."""

    def __init__(self, name):
        super().__init__(f"{name}@{HOST}", name)
        self.heard, self.more = [], asyncio.Event()
        for plugin in ("xep_0030", "xep_0045", "xep_0199", "xep_0313", "xep_0359", "xep_0421", "xep_0425"):
            self.register_plugin(plugin)
        self.rooms = self["xep_0045"]
        events = ["session_start", "failed_auth", "message", "groupchat_message", "groupchat_invite", "moderated_message"]
        for room in (LOBBY, TEAM):
            events += [f"muc::{room}::{what}" for what in ("self-presence", "presence")]
        for event in events:
            self.add_event_handler(event, lambda stanza, event=event: self.hear(event, stanza))
        # The library has no event for a refused nick.
        refused = Callback("refused", StanzaPath("presence@type=error"), lambda stanza: self.hear("refused", stanza))
        self.register_handler(refused)

    def hear(self, event, stanza):
        self.heard.append((event, stanza))
        self.more.set()

    async def hears(self, event, fits=lambda stanza: True):
        """Waits for the first of what came that fits, and takes it out."""

        async def wait():
            while True:
                for i, (name, stanza) in enumerate(self.heard):
                    if name == event and fits(stanza):
                        del self.heard[i]
                        return stanza
                self.more.clear()
                await self.more.wait()

        try:
            return await asyncio.wait_for(wait(), PATIENCE)
        except asyncio.TimeoutError:
            raise AssertionError(f"{self.boundjid.user} waits for {event}, and has: " +
                                 "\n".join(f"{name} {stanza}" for name, stanza in self.heard)) from None

    async def logs_in(self, port):
        self.connect(("127.0.0.1", port), force_starttls=False, disable_starttls=True)
        await self.hears("session_start")
        self.send_presence()
        return self

    async def enters(self, room, nick):
        return await self.rooms.join_muc_wait(room, nick, timeout=PATIENCE)

    async def hears_text(self, body, event="groupchat_message"):
        return await self.hears(event, lambda m: m["body"] == body)

    async def sees(self, what, fits, room=LOBBY):
        return await self.hears(f"muc::{room}::{what}", fits)

    def says(self, room, body):
        self.send_message(room, body, mtype="groupchat")

    async def archive(self, room):
        """What the room's archive holds: body and id of each message."""
        page = await self["xep_0313"].retrieve(jid=room, rsm={"max": 50}, timeout=PATIENCE)
        results = [m["mam_result"] for m in page["mam"]["results"]]
        return [(r["forwarded"]["stanza"]["body"], r["id"]) for r in results]


def codes(presence):
    return presence["muc"]["status_codes"]


def same(got, want):
    if got != want:
        raise AssertionError(f"{got!r} where {want!r} should be")


async def restart():
    print("restart", file=orders, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def lobby(anna, bob, carol):
    await carol.enters(LOBBY, "Carol")
    await anna.enters(LOBBY, "Anna")
    anna.says(LOBBY, "Good morning")
    live = await carol.hears_text("Good morning")

    # Who enters sees who is there and what was said, with the id that it had and has in the archive. He is called
    # as the configuration has it.
    me, subject, others, history = await bob.enters(LOBBY, "bobby")
    same(me["from"].resource, "Bob")
    same({110, 210} <= codes(me), True)
    same({"Anna", "Carol"} <= {p["from"].resource for p in others}, True)
    same([(m["body"], m["stanza_id"]["id"]) for m in history], [("Good morning", live["stanza_id"]["id"])])
    same(await bob.archive(LOBBY), [("Good morning", live["stanza_id"]["id"])])

    # A private message, both ways; Carol, who moderates, hears none of it.
    anna.send_message(f"{LOBBY}/Bob", "Tea?", mtype="chat")
    asked = await bob.hears_text("Tea?", "message")
    same((asked["type"], asked["from"].full), ("chat", f"{LOBBY}/Anna"))
    same(asked.get_plugin("muc", check=True) is not None, True)
    asked.reply("Yes").send()
    same((await anna.hears_text("Yes", "message"))["from"].full, f"{LOBBY}/Bob")

    # An agent keeps the nick of the configuration.
    bob.send_presence(pto=f"{LOBBY}/Robert")
    same((await bob.hears("refused"))["error"]["condition"], "not-acceptable")

    # A moderator takes a message back.
    anna.says(LOBBY, "The password is 1234")
    secret = (await carol.hears_text("The password is 1234"))["stanza_id"]["id"]
    try:
        await bob["xep_0425"].moderate(LOBBY, secret, timeout=PATIENCE)
        raise AssertionError("Bob, no moderator, moderated")
    except IqError as e:
        same(e.condition, "forbidden")
    await carol["xep_0425"].moderate(LOBBY, secret, "Not here", timeout=PATIENCE)
    same((await bob.hears("moderated_message"))["apply_to"]["id"], secret)

    # Carol puts Bob out, and he comes back.
    await carol.rooms.set_role(LOBBY, "Bob", "none", reason="Take a break", timeout=PATIENCE)
    same(307 in codes(await bob.sees("self-presence", lambda p: p["type"] == "unavailable")), True)
    same(307 in codes(await anna.sees("presence", lambda p: p["type"] == "unavailable" and p["from"].resource == "Bob")), True)
    await bob.enters(LOBBY, "Bob")


async def team(anna, dora):
    """Anna makes a room for a guest, who may call herself what she likes."""
    await anna.enters(TEAM, "Anna")
    form = await anna.rooms.get_room_config(TEAM, timeout=PATIENCE)
    form["values"] = {**form["values"], "muc#roomconfig_membersonly": True}
    await anna.rooms.set_room_config(TEAM, form, timeout=PATIENCE)
    anna.rooms.invite(TEAM, JID(f"dora@{HOST}"), "Join us")
    same((await dora.hears("groupchat_invite"))["from"].bare, TEAM.bare)
    await dora.enters(TEAM, "Dora")
    await anna.sees("presence", lambda p: p["from"].resource == "Dora", TEAM)

    dora.send_presence(pto=f"{TEAM}/Dora D.")
    await dora.sees("self-presence", lambda p: p["type"] == "unavailable" and 303 in codes(p), TEAM)
    await dora.sees("self-presence", lambda p: p["from"].resource == "Dora D." and p["type"] == "available", TEAM)
    left = await anna.sees("presence", lambda p: p["type"] == "unavailable" and p["from"].resource == "Dora", TEAM)
    same((303 in codes(left), left["muc"]["item"]["nick"]), (True, "Dora D."))
    await anna.sees("presence", lambda p: p["from"].resource == "Dora D.", TEAM)
    same("Dora" in anna.rooms.get_roster(TEAM), False)


async def restarted(anna, bob, dora):
    """A restart is not seen: nobody is put out, nothing is lost."""
    before = await anna.archive(LOBBY)
    bob.heard.clear()
    dora.heard.clear()
    await restart()
    anna.says(LOBBY, "Still here?")
    again = await bob.hears_text("Still here?")
    anna.says(TEAM, "And here?")
    await dora.hears_text("And here?")
    await bob["xep_0199"].send_ping(JID(f"{LOBBY}/Bob"), timeout=PATIENCE)
    await dora["xep_0199"].send_ping(JID(f"{TEAM}/Dora D."), timeout=PATIENCE)
    for who, room in (bob, LOBBY), (dora, TEAM):
        same([str(p) for name, p in who.heard if name == f"muc::{room}::self-presence" and p["type"] == "unavailable"], [])
    same(await bob.archive(LOBBY), before + [("Still here?", again["stanza_id"]["id"])])
    bob.send_message(f"{LOBBY}/Anna", "Coffee?", mtype="chat")
    await anna.hears_text("Coffee?", "message")


async def main(port):
    anna, bob, carol, dora = people = [Person(name) for name in ("anna", "bob", "carol", "dora")]
    for person in people:
        await person.logs_in(port)
    await lobby(anna, bob, carol)
    await team(anna, dora)
    await restarted(anna, bob, dora)
    for person in people:
        person.disconnect()


asyncio.get_event_loop().run_until_complete(main(int(sys.argv[1])))
