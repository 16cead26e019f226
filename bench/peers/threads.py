"""threads.py: the chat most people write first: Python sockets and one thread a client, register and login by lines, every
line to all the others. With a second argument, a file, each message is committed there (SQLite, synchronous=FULL) before
anybody is shown it. Called by run.ts: python3 threads.py PORT [DATABASE]"""

import hashlib
import socket
import sqlite3
import sys
import threading

users, clients, lock, storing = {}, {}, threading.Lock(), threading.Lock()
database = None
if len(sys.argv) > 2:
    database = sqlite3.connect(sys.argv[2], check_same_thread=False, isolation_level=None)
    database.execute("pragma journal_mode = wal")
    database.execute("pragma synchronous = full")
    database.execute("create table messages (sender text, recipient text, body text)")


def store(sender, recipient, body):
    if database is not None:
        with storing:  # outside of a transaction each statement is one, synced when execute returns
            database.execute("insert into messages values (?, ?, ?)", (sender, recipient, body))


def hashed(password):
    return hashlib.sha256(password.encode()).hexdigest()


def send(client, line):
    try:
        client.sendall(line.encode())
    except OSError:
        pass  # its own thread notices


def serve(client):
    name = None
    try:
        for raw in client.makefile("rb"):
            line = raw.decode().strip()
            if name is None:
                command, user, password = (line.split() + ["", "", ""])[:3]
                if command == "register":
                    users[user] = hashed(password)
                    send(client, "Registered\n")
                elif command == "login" and users.get(user) == hashed(password):
                    name = user
                    with lock:
                        clients[name] = client
                    send(client, "Welcome\n")
                else:
                    send(client, "Error\n")
            elif line == "!exit":
                break
            elif line.startswith("/msg "):
                _, to, body = line.split(" ", 2)
                store(name, to, body)
                with lock:
                    target = clients.get(to)
                if target:
                    send(target, f"[PM] {name}: {body}\n")
            else:
                store(name, None, line)
                with lock:
                    others = [other for other in clients.values() if other is not client]
                for other in others:
                    send(other, f"{name}: {line}\n")
    except OSError:
        pass
    with lock:
        clients.pop(name, None)
    client.close()


listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(4096)
threading.stack_size(256 * 1024)
while True:
    accepted, _ = listener.accept()
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=serve, args=(accepted,), daemon=True).start()
