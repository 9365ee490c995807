import BerthDescription
import Testing

/// What an agent keeps of jobs' output, and what it is warned by.
struct AgentDataConfigurationTests {
    private func read(_ text: String) throws -> AgentConfiguration {
        try AgentConfiguration(Array(text.utf8), file: "agent.yaml")
    }

    @Test func `without a word a gibibyte is kept for two weeks, and nothing warns`() throws {
        let configuration = try read("node: {name: a}")
        #expect(configuration.outputMaximumBytes == 1 << 30)
        #expect(configuration.outputKeep == .seconds(1_209_600))
        #expect(configuration.warning == nil)
    }

    @Test func `limits of output and warnings have their places`() throws {
        let configuration = try read("logs: {maximum: 10MiB, keep: 2d}\nwarning: {file: /run/preempted}")
        #expect(configuration.outputMaximumBytes == 10 << 20)
        #expect(configuration.outputKeep == .seconds(172_800))
        #expect(configuration.warning == .file("/run/preempted"))
        #expect(
            try read("warning: {url: \"http://169.254.169.254/a\"}").warning
                == .url("http://169.254.169.254/a", every: .seconds(5)))
        #expect(try read("warning: {url: \"http://h/\", every: 30s}").warning == .url("http://h/", every: .seconds(30)))
    }

    @Test(arguments: [
        ("logs: {maximum: 10KiB}", "at least 1MiB"), ("logs: {keep: 1s}", "at least 1m"),
        ("logs: {most: 1GiB}", "most"), ("warning: {}", "a file or a url"),
        ("warning: {file: /a, url: \"http://h/\"}", "a file or a url"), ("warning: {file: a}", "absolute path"),
        ("warning: {file: /a, every: 5s}", "belongs to a url"), ("warning: {url: \"https://h/\"}", "http://"),
        ("warning: {url: \"http://h/\", every: 10ms}", "at least 1s"),
    ])
    func `what cannot be is refused with the reason`(text: String, part: String) {
        do {
            _ = try read(text)
            Issue.record("\(text) was taken.")
        } catch {
            #expect("\(error)".contains(part), "\(error)")
        }
    }
}
