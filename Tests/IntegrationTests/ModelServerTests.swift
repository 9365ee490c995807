import Foundation
import Testing

/// A pool of model servers, as a user meets it: jobs that are requests.
@Suite(.enabled(if: Tools.python != nil), .serialized)
struct ModelServerTests {
    let berth: Installation

    init() throws {
        berth = try Installation()
        let server = Installation.root + "/Tests/BerthExecutionTests/Pools/model_server.py"
        let configuration = try berth.write(
            """
            pools:
              - name: doubles
                kind: server
                command: ["\(Tools.python ?? "")", "\(server)", --port, "{port}", --delay, "0.2"]
                ready: {within: 30s}
            """, to: "agent.yaml")
        try berth.up("--agent-config", configuration)
        try berth.write(
            (1...20).map { "{\"inputs\":[{\"name\":\"x\",\"data\":[\($0),0.5]}]}\n" }.joined(), to: "requests.jsonl")
    }

    private func submit(_ options: String..., input: String = "requests.jsonl") throws -> String {
        try berth.submit(
            ["--pool", "doubles"] + options + ["--", "berth", "infer", "--input", input, "--output", "answers.jsonl"])
    }

    @Test func `a file of requests is answered in its order, by a server that the next job finds ready`() throws {
        let first = try berth.end(of: submit("--model", "resnet"))
        #expect(first["state"].text == "succeeded", "\(first)")
        let answers = try berth.lines("answers.jsonl").map { try JSON(parsing: Data($0.utf8)) }
        #expect(answers.map { $0["outputs"][0]["data"][0].number } == (1...20).map { Double(2 * $0) })
        #expect(answers[0]["model_name"].text == "resnet" && answers[0]["outputs"][0]["data"][1].number == 1)
        #expect(first["attempts"][0]["pool"]["miss"].text == "coldStart")
        #expect(first["attempts"][0]["pool"]["secondsWaited"].number ?? 0 > 0.2)

        let next = try berth.end(of: submit("--model", "resnet"))
        #expect(next["attempts"][0]["pool"]["miss"].isNull && !next["attempts"][0]["pool"].isNull)
        #expect(try berth.json("pools")[0]["kind"].text == "server")
        try eventually("the hit is counted, and the server waits for the next") {
            let pool = try berth.json("pools")[0]
            return pool["hits"].integer == 1 && pool["idle"].integer == 1
        }
    }

    @Test func `what the server refuses ends the job with its words, and leaves no file`() throws {
        try berth.write("{\"inputs\":[{\"data\":[1]}]}\n{\"outputs\":[]}\n", to: "wrong.jsonl")
        let job = try submit("--model", "resnet", input: "wrong.jsonl")
        let ended = try berth.end(of: job)
        #expect(ended["state"].text == "failed" && ended["exitCode"].integer == 1, "\(ended)")
        let said = try berth.logs(job, "--err")
        #expect(said.contains("Request 2: the server answered 400") && said.contains("no inputs"))
        #expect(berth.read("answers.jsonl") == nil && berth.read("answers.jsonl.partial") == nil)
    }

    @Test func `a model that the server does not have keeps the job from starting`() throws {
        let ended = try berth.end(of: submit("--model", "missing"))
        #expect(ended["state"].text == "failed" && ended["reason"].text == "launchFailed", "\(ended)")
        #expect(ended["attempts"][0].description.contains("there is no such model"))
    }

    @Test func `a request that is a document over many lines is one request`() throws {
        try berth.write("{\n  \"inputs\": [\n    {\"name\": \"x\", \"data\": [21]}\n  ]\n}\n", to: "one.json")
        let ended = try berth.end(of: submit("--model", "resnet", input: "one.json"))
        #expect(ended["state"].text == "succeeded", "\(ended)")
        #expect(
            try berth.lines("answers.jsonl").map { try JSON(parsing: Data($0.utf8))["outputs"][0]["data"][0].number }
                == [42])
    }

    @Test func `a model without a pool of servers is refused`() throws {
        let result = try berth("submit", "--model", "resnet", "--", "true")
        #expect(result.code == 2 && result.errors.contains("no pool"), "\(result)")
        let odd = try berth("submit", "--pool", "doubles", "--model", "a/b", "--", "true")
        #expect(odd.code == 2 && odd.errors.contains("NAME or NAME:VERSION"), "\(odd)")
    }

    @Test func `a server that dies under its jobs comes back, and the requests go on`() throws {
        try berth.write(
            """
            import os, signal, subprocess, sys, urllib.request, json
            server = os.environ["BERTH_SERVER_URL"]
            os.kill(json.load(urllib.request.urlopen(server + "/facts"))["pid"], signal.SIGKILL)
            sys.exit(subprocess.call(["berth", "infer", "--input", "requests.jsonl", "--output", "answers.jsonl"]))
            """, to: "kill.py")
        let job = try berth.submit("--pool", "doubles", "--model", "resnet", "--", Tools.python ?? "", "kill.py")
        let ended = try berth.end(of: job)
        #expect(ended["state"].text == "succeeded", "\(ended)")
        #expect(berth.lines("answers.jsonl").count == 20)
    }
}
