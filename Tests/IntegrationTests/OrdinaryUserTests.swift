import Foundation
import Testing

/// Whoever runs the other tests is perhaps root; these run as nobody in particular.
@Suite(.serialized, .enabled(if: Tools.canChangeUser, "only root can be somebody else"))
struct OrdinaryUserTests {
    let berth: Installation

    init() throws { berth = try Installation(user: 65534) }

    @Test func `everything works for an ordinary user`() throws {
        try berth.up()

        let result = try berth("run", "--input", "in", "--", "sh", "-c", "id -u; echo $BERTH_CPUSET; exit 4")

        #expect(result.code == 4 && result.lines.first == "65534", "\(result)")
        let attempt = try berth.show("1")["attempts"][0]
        #expect(attempt["bound"]["cpuset"].text == result.lines.last)
        let job = try berth.submit(script: "[ $BERTH_ATTEMPT = 2 ] || sleep 1000", "--grace", "1s")
        try berth.reaches("running", job)
        try berth.successfully("requeue", job)
        #expect(try berth.end(of: job)["state"].text == "succeeded")
        #expect(try berth("prov", "verify").code == 0)
        try berth.down()
        #expect(berth.processes.isEmpty)
    }

    @Test func `without a state directory named, the user's own is taken`() throws {
        berth.environment["BERTH_STATE_DIR"] = nil
        berth.environment["XDG_STATE_HOME"] = berth.folder

        try berth.up()

        #expect(try berth("run", "--", "echo", "hi").output == "hi\n")
        #expect(FileManager.default.fileExists(atPath: berth.folder + "/berth/berth.sqlite"))
        try berth.down()
    }

    @Test func `a directory that only root may enter makes a failed job`() throws {
        let closed = berth.work + "/closed"
        try FileManager.default.createDirectory(
            atPath: closed, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try berth.up()

        let result = try berth("run", "--workdir", "closed", "--", "true")

        #expect(result.code == 1 && result.errors.contains(closed), "\(result)")
        #expect(try berth.show("1")["reason"].text == "launchFailed")
    }

    @Test func `a state directory that cannot be made is said`() throws {
        let result = try berth("up", "--detach", "--state-dir", "/proc/berth")

        #expect(result.code == 1 && result.errors.contains("/proc/berth"), "\(result)")
    }
}
