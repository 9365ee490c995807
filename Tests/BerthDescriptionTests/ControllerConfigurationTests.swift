import BerthDescription
import BerthModel
import BerthScheduling
import Testing

struct ControllerConfigurationTests {
    private func read(_ text: String, files: [String: String] = [:]) throws -> ControllerConfiguration {
        try ControllerConfiguration(Array(text.utf8), file: "controller.yaml") { name in
            guard let text = files[name] else { throw DescriptionError("\(name) cannot be read.") }
            return Array(text.utf8)
        }
    }

    private func refusal(of text: String, files: [String: String] = [:]) -> String? {
        do {
            _ = try read(text, files: files)
            return nil
        } catch {
            return (error as? DescriptionError)?.description
        }
    }

    private static let queues = """
        - name: night
          tier: -5
          preemptible: true
          nodes: "node.label.zone == 'b'"
          maximumRunning: 100
          maximumRunningPerUser: 10
          maximumRunningPerProject: 50
          minimumRunTime: 5m
          maximumTime: 12h
          defaultTime: 1h
          maximumGrace: 2m
        - name: day
        """

    private static var readQueues: [Queue] {
        get throws {
            [
                Queue(
                    name: "night", tier: -5, isPreemptible: true, nodes: try Expression("node.label.zone == 'b'"),
                    maximumRunning: 100, maximumRunningPerUser: 10, maximumRunningPerProject: 50,
                    minimumRunTime: .seconds(300), maximumTime: .seconds(43_200), defaultTime: .seconds(3600),
                    maximumGrace: .seconds(120)),
                Queue(name: "day", tier: 0),
            ]
        }
    }

    @Test(arguments: ["", "# nothing\n", "---\n"])
    func `an empty file is the shipped configuration`(text: String) throws {
        let configuration = try read(text)
        #expect(configuration.cluster == ClusterConfiguration())
        #expect(configuration.cluster.queues.map(\.name).sorted() == ["batch", "spot", "urgent"])
        #expect(configuration.cluster.defaultQueue == "batch")
        #expect(configuration.http == nil && configuration.agents == nil)
        #expect(configuration.timing == Dispatcher.Timing())
        #expect(configuration.secretPatterns.contains("*TOKEN*"))
    }

    @Test func `every key has its place`() throws {
        let configuration = try read(
            """
            listen: {http: "127.0.0.1:6464", agents: "[::1]:6465"}
            heartbeat: {interval: 2s, lostAfter: 30s}
            logLevel: debug
            secrets: {patterns: ["*HUSH*"]}
            queues:
            \(Self.queues)
            defaultQueue: day
            """)
        #expect(configuration.http == Endpoint(host: "127.0.0.1", port: 6464))
        #expect(configuration.agents == Endpoint(host: "::1", port: 6465))
        #expect(configuration.timing == Dispatcher.Timing(heartbeatInterval: .seconds(2), lostAfter: .seconds(30)))
        #expect(configuration.logLevel == "debug")
        #expect(configuration.secretPatterns == ["*HUSH*"])
        #expect(try configuration.cluster.queues == Self.readQueues)
        #expect(configuration.cluster.defaultQueue == "day")
    }

    @Test func `queues may stand in a file of their own`() throws {
        let configuration = try read(
            "queuesFile: queues.yaml\ndefaultQueue: night\n", files: ["queues.yaml": Self.queues])
        #expect(try configuration.cluster.queues == Self.readQueues)
    }

    @Test(arguments: [
        ("heartbaet: {interval: 2s}", 1, "Did you mean \"heartbeat\"?"),
        ("listen:\n  htpp: none", 2, "Did you mean \"http\"?"),
        ("heartbeat:\n  intervall: 2s", 2, "Did you mean \"interval\"?"),
        ("secrets:\n  pattern: []", 2, "Did you mean \"patterns\"?"),
        ("queues:\n- name: batch\n  priority: 5", 3, "unknown field \"priority\" in a queue"),
        ("listen: 6464", 1, "listen is a mapping"),
        ("listen: {http: 6464}", 1, "an address is HOST:PORT or none"),
        ("listen: {http: \"host:65536\"}", 1, "an address is HOST:PORT"),
        ("listen: {http: \"host:-1\"}", 1, "an address is HOST:PORT"),
        ("listen: {http: \"host:+1\"}", 1, "an address is HOST:PORT"),
        ("listen: {http: \"http://host:80\"}", 1, "an address is HOST:PORT"),
        ("listen: {http: \"::1:80\"}", 1, "an address is HOST:PORT"),
        ("listen: {http: \"[]:80\"}", 1, "an address is HOST:PORT"),
        ("listen: {http: \"a b:80\"}", 1, "an address is HOST:PORT"),
        ("heartbeat: {interval: 0s}", 1, "interval is at least 10ms"),
        ("heartbeat: {interval: 40s}", 1, "lostAfter is at least twice"),
        ("heartbeat: {interval: 900000000000s}", 1, "lostAfter is at least twice"),
        ("heartbeat: {lostAfter: soon}", 1, "lostAfter is a time"),
        ("logLevel: [a]", 1, "logLevel is a text"), ("secrets: {patterns: a}", 1, "patterns is a list"),
        ("queues: []", 1, "at least one queue"),
        ("queues: {batch: 1}", 1, "queues is a list"), ("queues:\n- tier: 1", 2, "a queue needs the field \"name\""),
        ("queues: [{name: \"a b\"}]", 1, "is no name for a queue"),
        ("queues:\n- name: a\n- name: a", 3, "stands twice"),
        ("queues: [{name: batch, tier: 1.5}]", 1, "tier is a whole number"),
        ("queues: [{name: batch, maximumRunning: 0}]", 1, "at least 1"),
        ("queues: [{name: batch, maximumRunningPerProject: -1}]", 1, "maximumRunningPerProject is at least 1"),
        ("queues: [{name: batch, minimumRunTime: -10m}]", 1, "minimumRunTime is a time"),
        ("queues: [{name: batch, nodes: \"a ==\"}]", 1, "it ends where a value is expected"),
        ("queues: [{name: batch, preemptible: maybe}]", 1, "preemptible is true or false"),
        ("defaultQueue: nightly", 1, "is none of the queues"),
        ("queues: [{name: day}]", 1, "defaultQueue \"batch\" is none of the queues"),
        ("queues: [{name: batch}]\nqueuesFile: a", 1, "both queues and queuesFile"),
        ("logLevel: info\n---\nlogLevel: debug", 3, "a second document"),
        ("logLevel: info\nlogLevel: debug", 2, "stands twice"),
        ("- a", 1, "the controller's configuration is a mapping"),
    ])
    func `a mistake is refused with its line`(text: String, line: Int, problem: String) throws {
        let refusal = try #require(self.refusal(of: text), "\(text) was read")
        #expect(refusal.hasPrefix("controller.yaml:\(line): "))
        #expect(refusal.contains(problem))
    }

    @Test func `a mistake in the queues' file is refused with that file's line`() {
        let refusal = self.refusal(of: "queuesFile: queues.yaml", files: ["queues.yaml": "- name: batch\n  teir: 1\n"])
        #expect(refusal == "queues.yaml:2: unknown field \"teir\" in a queue. Did you mean \"tier\"?")
    }

    @Test func `a queues' file that is empty or missing is refused`() {
        #expect(
            refusal(of: "queuesFile: queues.yaml", files: ["queues.yaml": "# none\n"])
                == "controller.yaml:1: queuesFile queues.yaml holds no queues.")
        #expect(refusal(of: "queuesFile: queues.yaml") == "queues.yaml cannot be read.")
    }

    @Test(arguments: [
        ("127.0.0.1:80", "127.0.0.1", 80), (":80", "127.0.0.1", 80), ("[fe80::1%eth0]:0", "fe80::1%eth0", 0),
        ("a-b.c:65535", "a-b.c", 65_535),
    ])
    func `an address is a host and a port`(text: String, host: String, port: Int) {
        #expect(Endpoint(text) == Endpoint(host: host, port: port))
    }
}
