#!/usr/bin/env python3
"""Between a host and its server: TLS, passwords and where they come from, PgBouncer, a long way."""
import contextlib
import os
import shutil
import socket
import subprocess
import time

import harness
from harness import Daemon, Producer, check, finish, opslogd, scratch_directory, wait_until
from nodes import Load, Node, Proxy

directory = scratch_directory()
EXTRA = "spool: {min_free: 0}\ndelivery: {retry: {initial: 20ms, max: 500ms}}\n"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def daemon(name, conninfo):
    place = os.path.join(directory, name)
    os.makedirs(place)
    return Daemon(place, conninfo, extra=EXTRA, file_input=False)


def send(to, *words):
    producer = Producer(to.socket)
    producer.send("".join('{"event":"cast_errors","column_name":"%s"}\n' % word for word in words).encode())
    durable = [a["durable"] for a in producer.finish() if "durable" in a]
    assert durable and durable[-1] == len(words), durable


def rows(*words):
    """How often each of the words is there."""
    return [int(server.value("SELECT count(*) FROM operation_logs.cast_errors WHERE column_name = '%s'" % word)) for word in words]


def write(name, text, mode=0o600):
    path = os.path.join(directory, name)
    with open(path, "w") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
    return path


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], cwd=tls, check=True, stdin=subprocess.DEVNULL, capture_output=True)


# --- a server with TLS, a password, and certificates for its name -----------------------------------------------------------
tls = os.path.join(directory, "tls")
os.makedirs(tls)
for authority in ("ours", "other"):
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=%s authority" % authority,
            "-keyout", authority + ".key", "-out", authority + ".crt")
openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
with open(os.path.join(tls, "names"), "w") as names:
    names.write("subjectAltName=DNS:localhost\n")
openssl("x509", "-req", "-in", "server.csr", "-CA", "ours.crt", "-CAkey", "ours.key", "-CAcreateserial", "-days", "2",
        "-extfile", "names", "-out", "server.crt")

port = free_port()
server = Node(os.path.join(directory, "server"), settings="password_encryption = 'scram-sha-256'\n")
for name in ("server.crt", "server.key"):
    path = shutil.copy(os.path.join(tls, name), server.data)
    os.chmod(path, 0o600)
    if os.getuid() == 0:
        shutil.chown(path, "postgres", "postgres")
server.configure("listen_addresses = '127.0.0.1'\nport = %d\nssl = on\n" % port)
with open(os.path.join(server.data, "pg_hba.conf"), "w") as hba:
    hba.write("local all all trust\nhostssl all shipper 127.0.0.1/32 scram-sha-256\n")
# The test itself goes by the Unix socket.
os.environ["PGPORT"] = str(port)
server.start()
server.query(opslogd("schema", "print").stdout)
del os.environ["PGPORT"]
Node.conninfo = property(lambda self: "host=%s port=%d user=postgres dbname=postgres" % (self.directory, port))
server.query("""
    CREATE ROLE shipper LOGIN PASSWORD 'first';
    GRANT USAGE ON SCHEMA operation_logs TO shipper;
    GRANT INSERT ON ALL TABLES IN SCHEMA operation_logs TO shipper;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA operation_logs TO shipper;
    GRANT SELECT, INSERT, UPDATE ON operation_logs.pipeline_watermarks, operation_logs.spool_positions TO shipper""")


def pgpass(password):
    return "*:%d:*:shipper:%s\n" % (port, password)


ENCRYPTED = "port=%d dbname=postgres user=shipper sslmode=verify-full" % port
ROOT_CERTIFICATE = "sslrootcert=%s/ours.crt" % tls
passfile = write("pgpass", pgpass("first"))


def checked(conninfo, **environment):
    """`opslogd check --database`."""
    config = write("check.yaml", 'state_directory: %s/none\ninputs:\n  - {type: socket, name: s, path: %s/none.sock}\n'
                                 'database: {conninfo: "%s"}\n' % (directory, directory, conninfo))
    return opslogd("check", "--database", "--config", config, env={**os.environ, **environment})


good = checked("host=localhost %s %s passfile=%s" % (ENCRYPTED, ROOT_CERTIFICATE, passfile))
check("a server whose certificate fits is reached over TLS", good.returncode == 0, good)
name = checked("host=127.0.0.1 %s %s passfile=%s" % (ENCRYPTED, ROOT_CERTIFICATE, passfile))
check("a certificate for another host name: 69, one line, with both names",
      name.returncode == 69 and name.stderr.count("\n") == 1 and "127.0.0.1" in name.stderr and '"localhost"' in name.stderr, name)
authority = checked("host=localhost %s sslrootcert=%s/other.crt passfile=%s" % (ENCRYPTED, tls, passfile))
check("a certificate of an unknown authority: 69, one line that says so",
      authority.returncode == 69 and authority.stderr.count("\n") == 1 and "certificate verify failed" in authority.stderr, authority)
missing = checked("host=localhost %s sslrootcert=%s/none.crt passfile=%s" % (ENCRYPTED, tls, passfile))
check("a file of authorities that is not there: one line that names it",
      missing.returncode == 69 and missing.stderr.count("\n") == 1 and "none.crt" in missing.stderr, missing)
plain = checked("host=localhost port=%d dbname=postgres user=shipper sslmode=disable passfile=%s" % (port, passfile))
check("a server that takes TLS only, asked without: one line with the server's words",
      plain.returncode != 0 and plain.stderr.count("\n") == 1 and "pg_hba.conf" in plain.stderr, plain)

# --- where a password comes from -----------------------------------------------------------------------------------------------
credentials = os.path.join(directory, "credentials")
os.makedirs(credentials, 0o700)
shutil.copy(passfile, credentials)
service = write("services.conf", "[market]\nhost=localhost\n%s\nsslrootcert=%s/ours.crt\n" % (
    ENCRYPTED.replace(" ", "\n"), tls))
by_service = {"PGSERVICEFILE": service, "PGPASSFILE": passfile}
for promise, conninfo, environment in (
        ("PGPASSFILE", "host=localhost %s %s" % (ENCRYPTED, ROOT_CERTIFICATE), {"PGPASSFILE": passfile}),
        ("a service file", "service=market", by_service),
        ("a credential of systemd's", "host=localhost %s %s passfile=${CREDENTIALS_DIRECTORY}/pgpass" % (ENCRYPTED, ROOT_CERTIFICATE),
         {"CREDENTIALS_DIRECTORY": credentials}),
        ("a URI", "postgresql://shipper@localhost:%d/postgres?sslmode=verify-full&sslrootcert=%s/ours.crt&passfile=%s" % (
            port, tls, passfile), {})):
    found = checked(conninfo, **environment)
    check("the password and the rest by %s" % promise, found.returncode == 0, found)
wrong = checked("host=localhost %s %s passfile=%s" % (ENCRYPTED, ROOT_CERTIFICATE, write("wrong", pgpass("guess"))))
check("a wrong password: one line, without it",
      wrong.returncode != 0 and wrong.stderr.count("\n") == 1 and "password authentication failed" in wrong.stderr
      and "guess" not in wrong.stderr, wrong)

# --- the daemon over TLS, while the password is changed ------------------------------------------------------------------------
os.environ.update(by_service)
main = daemon("main", "service=market")
main.start()
send(main, "encrypted")
main.wait_drained()
check("the daemon's connection is encrypted",
      server.value("SELECT bool_and(s.ssl) FROM pg_stat_ssl AS s JOIN pg_stat_activity AS a USING (pid) WHERE a.usename = 'shipper'") == "t")
TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shipper'"
server.query("ALTER ROLE shipper PASSWORD 'second'")
send(main, "before the connection ends")
main.wait_drained()
check("a connection that is open goes on with the old password", rows("before the connection ends") == [1])
server.query(TERMINATE)
send(main, "while the password is wrong")
wait_until("delivery waits for the password", lambda: "password authentication failed" in main.status()["delivery"]["state"])
state = main.status()["delivery"]["state"]
check("status says that the password is wrong, and what to do", "SQLSTATE 28P01" in state and "mend the password" in state, state)
check("so does the log, without the password", "password authentication failed" in main.log() and "first" not in main.log())
time.sleep(2)
check("nothing becomes a dead letter meanwhile", main.status()["dead_letters"]["held"] == 0 and rows("while the password is wrong") == [0])
write("pgpass", pgpass("second"))
wait_until("delivery goes on with the new password", lambda: rows("while the password is wrong") == [1], 40)
main.wait_drained()
check("delivery goes on by itself with the new password, each row once", rows("encrypted", "while the password is wrong") == [1, 1])
check("and says so", "delivery goes on" in main.log())
check("the daemon ends in order", main.stop() == 0)

# --- PgBouncer, in transaction pooling ---------------------------------------------------------------------------------------------
pool = os.path.join(directory, "pool")
os.makedirs(pool)
os.chmod(pool, 0o777)
with open(os.path.join(pool, "pgbouncer.ini"), "w") as file:
    file.write("[databases]\n* = host=%s port=%d user=postgres\n[pgbouncer]\nunix_socket_dir = %s\nlisten_port = 6432\nauth_type = any\n"
               "pool_mode = transaction\ndefault_pool_size = 2\nserver_login_retry = 1\nquery_wait_timeout = 3\n" % (server.directory, port, pool))
program = shutil.which("pgbouncer", path="/usr/sbin:" + os.environ["PATH"])
pooler = None


def start_pooler():
    global pooler
    user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    pooler = subprocess.Popen(user + [program, "-q", os.path.join(pool, "pgbouncer.ini")], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until("PgBouncer listens", lambda: os.path.exists(os.path.join(pool, ".s.PGSQL.6432")))


def stop_pooler():
    if pooler and pooler.poll() is None:
        pooler.terminate()
        pooler.wait(20)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(pool, ".s.PGSQL.6432"))


harness.atexit.register(stop_pooler)
start_pooler()
server.query("TRUNCATE operation_logs.cast_errors RESTART IDENTITY")
pooled = daemon("pooled", "host=%s port=6432 user=postgres dbname=postgres" % pool)
pooled.start()
load = Load(pooled)
load.wait_for_more(server, 1000)
stop_pooler()
wait_until("the loss is noticed", lambda: not pooled.status()["delivery"]["connected"])
start_pooler()
load.wait_for_more(server, 1000)
server.stop("immediate")
wait_until("PgBouncer says that its server is away", lambda: "08P01" in (pooled.status()["delivery"]["last_error"] or ""), 30)
delivery = pooled.status()["delivery"]
check("PgBouncer without a server is no fault of a table",
      "columns" not in delivery["last_error"] and not delivery["state"].startswith("waits:"), delivery)
server.start()
load.wait_for_more(server, 1000)
load.settle(server, "through PgBouncer, which was restarted, as was its server")
server.query("TRUNCATE operation_logs.cast_errors RESTART IDENTITY")
check("the daemon behind PgBouncer ends in order", pooled.stop() == 0)

# --- a long way to the server --------------------------------------------------------------------------------------------------------
far = Proxy(os.path.join(server.directory, ".s.PGSQL.%d" % port), delay=0.025)
distant = daemon("distant", "host=127.0.0.1 port=%d user=postgres dbname=postgres" % far.port)
distant.start()
load = Load(distant, ("far", "away"))
load.wait_for_more(server, 2000)
load.settle(server, "a round trip of 50 ms")
check("the daemon of the long way ends in order", distant.stop() == 0)
finish()
