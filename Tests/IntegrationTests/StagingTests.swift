import Foundation
import Testing

/// Files that go along with jobs, to a node that shares nothing with whoever submits.
@Suite(.serialized) struct StagingTests {
    @Test func `files and directories go along to another node and are recorded by their content`() throws {
        let fleet = try Fleet()
        try fleet.agent("a")
        try fleet.berth.write("one\n", to: "data/one.txt")
        try fleet.berth.write("two\n", to: "data/deep/two.txt")
        try fleet.berth.write(String(repeating: "0123456789abcdef", count: 200_000), to: "big")
        let remote = [
            "BERTH_CONTROLLER": fleet.address, "BERTH_STATE_DIR": fleet.berth.work + "/none",
            "BERTH_TOKEN": fleet.token,
        ]
        let script = "cd $BERTH_INPUT_DIR && cat data/one.txt data/deep/two.txt && wc -c < big"

        let result = try fleet.berth(
            "run", "--workdir", "/", "--stage", "data/", "--stage", "big", "--", "sh", "-c", script, environment: remote
        )

        #expect(result.code == 0 && result.output == "one\ntwo\n3200000\n", "\(result)")
        let inputs = try fleet.berth.show("1")["attempts"][0]["inputs"].elements
        #expect(inputs.compactMap { $0["path"].text }.sorted() == ["big", "data/deep/two.txt", "data/one.txt"])
        #expect(inputs.allSatisfy { $0["sha256"].text?.count == 64 })
    }

    @Test func `a job whose content was not sent is refused`() throws {
        let fleet = try Fleet()
        let digest = String(repeating: "ab", count: 32)
        let job = try fleet.berth.write(
            "command: [x]\nstage: [{path: a, sha256: \(digest), bytes: 1}]\n", to: "job.yaml")

        let result = try fleet.berth("submit", job)

        #expect(result.code != 0 && result.errors.contains(digest) && result.errors.contains("--stage"), "\(result)")
        #expect(try fleet.berth.json("jobs").elements.isEmpty)
    }

    @Test func `a file that cannot be read is told before anything is submitted`() throws {
        let fleet = try Fleet()

        let result = try fleet.berth("submit", "--stage", "nothing", "--", "x")

        #expect(result.code == 2 && result.errors.contains("nothing cannot go along"), "\(result)")
        #expect(try fleet.berth.json("jobs").elements.isEmpty)
    }

    @Test func `an array shares one copy and a change is sent anew`() throws {
        let fleet = try Fleet()
        try fleet.agent("a")
        try fleet.berth.write("first", to: "model")
        let first = try fleet.berth.submit(
            "--stage", "model", "--array", "5", "--", "sh", "-c", "cat $BERTH_INPUT_DIR/model")
        #expect(try fleet.berth.end(of: first)["state"].text == "succeeded")
        try fleet.berth.write("second", to: "model")
        let second = try fleet.berth.submit("--stage", "model", "--", "sh", "-c", "cat $BERTH_INPUT_DIR/model")
        #expect(try fleet.berth.end(of: second)["state"].text == "succeeded")

        #expect(try fleet.berth.logs("\(first).3") == "first" && fleet.berth.logs(second) == "second")
        let kept = try FileManager.default.contentsOfDirectory(atPath: fleet.berth.folder + "/a/staged")
        #expect(kept.count == 2)
    }
}
