"""A terminal client, written from docs/PROTOCOL.md with the standard library alone: comes back by itself, resumes where
it stopped, sends again what was not answered, shows each message once. Lines go to the lobby, /msg NAME TEXT to one.
Usage: python3 client.py NAME [HOST[:PORT]]; the password is asked for, or is in BANTER_PASSWORD."""
import contextlib, getpass, itertools, json, os, random, re, secrets, socket, sys, threading, time

ROOM, WINDOW = "#lobby", 32  # where lines are said; messages under way
UNSAFE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # could drive a terminal

class Client:
    def __init__(self, user, password, host, port=12345):
        self.user, self.password, self.address, self.token = user.lower(), password, (host, port), None
        self.ids = {to: map(f"{secrets.token_hex(8)}-{{}}".format, itertools.count(1)) for to in (ROOM, "@")}
        self.positions, self.unanswered = {}, {}  # last seq shown, by room or "@", the inbox; not stored yet, by id
        self.changed, self.online, self.epoch = threading.Condition(), False, None  # online: signed in and resumed
        self.confirming, self.follows = set(), False  # what will be confirmed soon; the server keeps positions in rooms

    def say(self, to, text):  # called by the thread that reads the keyboard; all else is the other's
        with self.changed:
            self.changed.wait_for(lambda: len(self.unanswered) < WINDOW)
            frame = {"type": "say", "id": next(self.ids[to if to == ROOM else "@"]), "to": to, "text": text}
            self.unanswered[frame["id"]] = frame
            if self.online:
                self.send(frame)

    def send(self, frame):
        with self.changed, contextlib.suppress(OSError):  # reading meets the same end, and comes back
            self.wire.sendall(json.dumps(frame).encode() + b"\n")

    def run(self, pause=1):
        while True:
            with contextlib.suppress(OSError, ValueError, StopIteration):
                self.visit()
            pause, self.online = 1 if self.online else min(30, pause * 2), False
            show("* The connection was lost. Coming back.")
            time.sleep(pause * random.uniform(0.5, 1))

    def visit(self):
        self.wire = socket.create_connection(self.address, timeout=75)  # the server asks us every 30 s
        self.frames = map(json.loads, (line for line in self.wire.makefile("r", encoding="utf-8") if line[0] == "{"))
        proof = {"token": self.token} if self.token else {"password": self.password}
        answer = self.enter("@", {"type": "login", "user": self.user, **proof})
        if answer.get("code") == "no_entry" or answer.get("code") in ("bad_login", "bad_name") and not self.token:
            os._exit(show("* " + answer["text"]) or 4)
        self.token = answer.get("token")  # none: it has ended, and the password comes next
        if not self.token:
            return
        self.follows = "follows" in answer
        for room in answer.get("follows", []):
            if room["to"] == ROOM and ROOM not in self.positions:  # this program has just begun: all that is unread, or the last 50
                self.positions[ROOM] = min(room["seen"], max(0, room["seq"] - 50))
                if room["seq"] > room["seen"]:
                    show(f"* {room['seq'] - room['seen']} unread in {ROOM}")
        self.enter(ROOM, {"type": "join", "to": ROOM})
        self.enter(None, {"type": "ping"})  # when it is answered, all that was missed has come
        with self.changed:
            self.online = True
            for frame in self.unanswered.values():
                self.send(frame)
        for frame in self.frames:
            self.receive(frame)

    def enter(self, conversation, request):
        self.send({"id": (id := secrets.token_hex(8)), "epoch": self.epoch, "since": self.positions.get(conversation), **request})
        while (answer := next(self.frames)).get("id") != id:
            self.receive(answer)
        if answer.get("reset") or answer.get("epoch", self.epoch) != self.epoch:
            self.positions, self.epoch = {}, answer.get("epoch")  # an older copy was restored: none is a position there
        if request["type"] == "join":
            self.positions.setdefault(conversation, max(0, answer["seq"] - 50))
        return answer

    def receive(self, frame):
        kind, text = frame["type"], frame.get("text", "")
        if kind == "error" and frame["code"] == "unavailable":
            raise OSError(text)  # a new connection sends all of it again, in order
        if kind == "ping":
            self.send(frame)
        elif kind == "message":
            conversation = frame["to"] if frame["to"][0] == "#" else "@"
            last = self.positions.setdefault(conversation, frame["seq"] - 1)
            if frame["seq"] > last + 1:
                raise OSError("a message is missing")
            if frame["seq"] > last:  # or else it was shown before
                self.positions[conversation] = frame["seq"]
                mark = "* " if "act" in frame else "[pm] " if conversation == "@" else ""  # an act: its text says what was done
                show(f"{mark}{frame['from']}{'' if 'act' in frame else ':'} {text}")
                if conversation not in self.confirming and (conversation == "@" or self.follows):
                    self.confirming.add(conversation)
                    soon = threading.Timer(2, self.confirm, [conversation])
                    soon.daemon = True
                    soon.start()
        elif kind in ("error", "notice"):
            show("* " + text)
        if kind == "error" or kind == "message" and frame["from"] == self.user:
            with self.changed:
                self.unanswered.pop(frame.get("id"), None)
                self.changed.notify_all()

    def confirm(self, conversation):
        self.confirming.discard(conversation)
        self.send({"type": "seen", "to": conversation, "seq": self.positions.get(conversation, 0)})

def show(text):
    print(UNSAFE.sub("", text).replace("\n", "\n  "), flush=True)

def main(name, server="localhost"):
    client = Client(name, os.environ.get("BANTER_PASSWORD") or getpass.getpass(), *server.split(":"))
    threading.Thread(target=client.run, daemon=True).start()
    for line in filter(None, itertools.takewhile(lambda line: line != "!exit", map(str.rstrip, sys.stdin))):
        client.say(*re.match(r"(?:/msg (\S+) )?(.+)", line).groups(ROOM))
    with client.changed:  # what was typed is stored before we leave
        client.changed.wait_for(lambda: not client.unanswered)
    for conversation in list(client.confirming):
        client.confirm(conversation)

try:
    main(*sys.argv[1:]) if len(sys.argv) in (2, 3) else sys.exit(__doc__)
except KeyboardInterrupt:
    os._exit(130)  # at once, whatever the other threads are doing
