import Foundation
import Testing

/// What a job and Berth say to each other while it runs.
@Suite(.serialized) struct JobSocketTests {
    let berth: Installation

    init() throws {
        berth = try Installation()
        try berth.up()
        // A client that stays connected: it writes what it hears to `heard`, and does as its arguments say.
        try berth.write(
            """
            import os, signal, socket, sys, time
            if os.environ["BERTH_ATTEMPT"] != "1": sys.exit(0)
            def told(*_): open("terminated", "w").close()
            signal.signal(signal.SIGTERM, told)
            berth = socket.socket(socket.AF_UNIX)
            berth.connect(os.environ["BERTH_SOCKET"])
            for line in sys.argv[2:]: berth.sendall(line.encode() + b"\\n")
            open("connected", "w").write("connected\\n")
            notice = berth.makefile().readline()
            open("heard", "w").write(notice)
            berth.sendall(sys.argv[1].encode() + b"\\n")
            while True: time.sleep(1000)
            """, to: "client.py")
    }

    @Test func `what a job reports is shown`() throws {
        let job = try berth.submit(
            script: """
                berth notify --progress 0.4 --note 'epoch 36' --metric loss=0.12 --metric accuracy=0.9 &&
                berth notify --checkpoint ckpt/36 && echo told > told; until [ -e go ]; do sleep 0.05; done
                berth notify --progress 1 --metric loss=0.01
                """)
        try berth.says("told", in: "told")

        try eventually("the reports are shown") { try berth.show(job)["attempts"][0]["checkpoint"].text != nil }
        let early = try berth.show(job)["attempts"][0]
        #expect(early["progress"].number == 0.4 && early["note"].text == "epoch 36")
        #expect(early["checkpoint"].text == "ckpt/36")
        #expect(early["metrics"]["loss"].number == 0.12 && early["metrics"]["accuracy"].number == 0.9)
        try berth.write("", to: "go")

        let late = try berth.end(of: job)["attempts"][0]
        #expect(late["progress"].number == 1 && late["metrics"]["loss"].number == 0.01)
        #expect(late["metrics"]["accuracy"].number == 0.9 && late["note"].text == "epoch 36")
    }

    @Test func `berth notify outside a job is refused`() throws {
        let result = try berth("notify", "--progress", "0.5")

        #expect(result.code == 2 && result.errors.contains("BERTH_SOCKET"), "\(result)")
    }

    @Test(.enabled(if: Tools.python != nil))
    func `rubbish on the socket harms nothing`() throws {
        try berth.write(
            """
            import os, socket
            berth = socket.socket(socket.AF_UNIX)
            berth.connect(os.environ["BERTH_SOCKET"])
            for text in [b"rubbish\\n", b"[1, 2]\\n", b"{\\n", b'{"progress":"no","metric":3,"note":7}\\n', b"\\xff\\xfe\\n"]:
                berth.sendall(text)
            try: berth.sendall(b"x" * 200000 + b"\\n")
            except OSError: pass
            last = socket.socket(socket.AF_UNIX)
            last.connect(os.environ["BERTH_SOCKET"])
            last.sendall(b'{"progress":7,"note":"fine"}\\n')
            """, to: "rubbish.py")

        let job = try berth.submit("--", Tools.python ?? "", "rubbish.py")

        let record = try berth.end(of: job)
        #expect(record["state"].text == "succeeded")
        #expect(record["attempts"][0]["note"].text == "fine" && record["attempts"][0]["progress"].number == 1)
    }

    @Test(.enabled(if: Tools.python != nil))
    func `a connected job hears the notice instead of SIGTERM, and is free as soon as it says that it is done`() throws
    {
        let job = try berth.submit("--grace", "5m", "--", Tools.python ?? "", "client.py", #"{"done":true}"#)
        try berth.says("connected", in: "connected")

        try berth.successfully("requeue", job)

        let record = try berth.end(of: job)
        #expect(record["state"].text == "succeeded")
        #expect(record["attempts"].elements.map { $0["state"].text } == ["preempted", "succeeded"])
        let notice = try JSON(parsing: Data((berth.read("heard") ?? "").utf8))
        #expect(notice["notice"].text == "preempt" && notice["reason"].text == "requeued")
        #expect(notice["deadline"].text?.hasSuffix("Z") == true)
        #expect(berth.read("terminated") == nil)
    }

    @Test(.enabled(if: Tools.python != nil))
    func `a connected job that does not answer is killed at the end of its grace`() throws {
        let job = try berth.submit("--grace", "1s", "--", Tools.python ?? "", "client.py", #"{"note":"ignored"}"#)
        try berth.says("connected", in: "connected")

        try berth.successfully("cancel", job)

        let record = try berth.end(of: job)
        #expect(record["state"].text == "cancelled" && record["attempts"][0]["signal"].integer == 9)
        #expect(berth.read("heard")?.contains("cancelled") == true)
    }

    @Test(.enabled(if: Tools.python != nil))
    func `at the time limit a connected job hears of it`() throws {
        let job = try berth.submit(
            "--time", "4s", "--grace", "5m", "--", Tools.python ?? "", "client.py", #"{"done":true}"#)

        let record = try berth.end(of: job)

        #expect(record["state"].text == "timedOut")
        let heard = berth.read("heard") ?? ""
        #expect(heard.contains(#""notice":"preempt""#) && heard.contains(#""reason":"timeLimit""#))
    }

    @Test func `a job that never connected gets SIGTERM`() throws {
        let job = try berth.submit(
            script: """
                [ $BERTH_ATTEMPT = 1 ] || exit 0
                trap 'echo terminated; exit 0' TERM
                echo ready > ready; while :; do sleep 0.05; done
                """, "--grace", "5m")
        try berth.says("ready", in: "ready")

        try berth.successfully("requeue", job)

        #expect(try berth.end(of: job)["attempts"].elements.count == 2)
        #expect(try berth.logs(job, "--attempt", "1") == "terminated\n")
    }

    @Test func `a job may ask for more time to save its work`() throws {
        let job = try berth.submit(
            script: """
                [ $BERTH_ATTEMPT = 1 ] || exit 0
                trap 'berth notify --extend 60; sleep 2; echo saved; exit 0' TERM
                echo ready > ready; while :; do sleep 0.05; done
                """, "--grace", "1s")
        try berth.says("ready", in: "ready")

        try berth.successfully("requeue", job)

        #expect(try berth.end(of: job)["state"].text == "succeeded")
        #expect(try berth.logs(job, "--attempt", "1") == "saved\n")
    }
}
