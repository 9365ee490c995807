import BerthDescription
import BerthModel
import Testing

struct AgentConfigurationTests {
    private func read(_ text: String) throws -> AgentConfiguration {
        try AgentConfiguration(Array(text.utf8), file: "agent.yaml")
    }

    @Test func `root's jobs run as root only where the configuration says so`() throws {
        #expect(try read("{}").allowsRoot == nil)
        #expect(try read("jobs: {allowRoot: true}").allowsRoot == true)
        #expect(throws: DescriptionError.self) { _ = try read("jobs: {allowRoot: perhaps}") }
        #expect(throws: DescriptionError.self) { _ = try read("jobs: {allowRoots: true}") }
    }

    private func refusal(of text: String) -> String? {
        do {
            _ = try read(text)
            return nil
        } catch {
            return (error as? DescriptionError)?.description
        }
    }

    @Test func `every key of a node's description has its place`() throws {
        let configuration = try read(
            """
            node: {name: gpu-07, labels: {zone: b, rack: 12}}
            reserve: {cpus: 1, memory: 2GiB}
            topology: machine.xml
            execution: emulated
            devices:
              - kind: qsim
                name: qsim0
                vendor: us
                model: statevector
                count: 2
                memory: 1GiB
                attributes: {maxQubits: 30, precision: double, exact: true, gates: [h, cx]}
                memoryRule: 16 * 2^qubits
                near: numa:0
                environment: {QSIM_BACKEND: statevector}
              - kind: qsim
                near: machine
            pools: []
            controller: {url: "https://head:6465", tokenFile: /etc/berth/token}
            stateDirectory: /var/lib/berth
            logLevel: debug
            """)
        #expect(configuration.name == "gpu-07")
        #expect(configuration.labels == ["zone": "b", "rack": "12"])
        #expect(configuration.reservedCPUs == 1)
        #expect(configuration.reservedMemoryBytes == 2 << 30)
        #expect(configuration.topologyFile == "machine.xml")
        #expect(configuration.isEmulated)
        #expect(configuration.controller == "https://head:6465")
        #expect(configuration.tokenFile == "/etc/berth/token")
        #expect(configuration.stateDirectory == "/var/lib/berth")
        #expect(configuration.logLevel == "debug")
        let declared = Device(
            name: "qsim0", kind: "qsim", vendor: "us", model: "statevector", memoryBytes: 1 << 30, numaNodes: [0],
            count: 2,
            attributes: [
                "maxQubits": .number(30), "precision": .text("double"), "exact": .flag(true),
                "gates": .list(["h", "cx"]),
            ],
            memoryRule: try MemoryRule("16 * 2^qubits"), environment: ["QSIM_BACKEND": "statevector"], isDeclared: true)
        #expect(configuration.devices == [declared, Device(name: "qsim1", kind: "qsim", isDeclared: true)])
    }

    @Test(arguments: ["", "topology: system\nexecution: real\n"])
    func `without a description a node is this machine, all of it`(text: String) throws {
        let configuration = try read(text)
        #expect(configuration.name == nil)
        #expect(configuration.topologyFile == nil)
        #expect(!configuration.isEmulated)
        #expect(configuration.reservedCPUs == 0)
        #expect(configuration.devices.isEmpty)
    }

    @Test(
        arguments: [("16 * 2^qubits", 30, 16 << 30), ("64MiB + 24 * 2^qubits", 20, 88 << 20), ("4096", 3, 4096)]
            as [(String, Double, Int64)])
    func `a memory rule gives the bytes of a request`(rule: String, qubits: Double, bytes: Int64) throws {
        let device = try read("devices: [{kind: qsim, memoryRule: \"\(rule)\"}]").devices[0]
        #expect(device.memoryRule?.bytes(for: ["qubits": .number(qubits)]) == bytes)
    }

    @Test func `a memory rule for a request without what it needs, or beyond all memory, gives none`() throws {
        let rule = try #require(try read("devices: [{kind: qsim, memoryRule: 16 * 2^qubits}]").devices[0].memoryRule)
        #expect(rule.bytes(for: [:]) == nil)
        #expect(rule.bytes(for: ["qubits": .text("30")]) == nil)
        #expect(rule.bytes(for: ["qubits": .number(5000)]) == nil)
        #expect(rule.bytes(for: ["qubits": .number(.nan)]) == nil)
    }

    @Test(arguments: [
        ("nodes: {}", 1, "Did you mean \"node\"?"), ("node:\n  nmae: a", 2, "Did you mean \"name\"?"),
        ("reserve:\n  cpu: 1", 2, "Did you mean \"cpus\"?"),
        ("devices:\n- kind: q\n  modle: x", 3, "Did you mean \"model\"?"),
        ("controller:\n  uri: x", 2, "Did you mean \"url\"?"), ("node: {name: \"a b\"}", 1, "is no name for a node"),
        ("node: {name: \"-a\"}", 1, "is no name for a node"), ("node: {name: \"\"}", 1, "is no name for a node"),
        ("node: {name: ../x}", 1, "is no name for a node"), ("node: {labels: [a]}", 1, "labels maps names to values"),
        ("reserve: {cpus: -1}", 1, "cpus is at least 0"), ("reserve: {memory: much}", 1, "memory is a size"),
        ("execution: pretended", 1, "execution is real or emulated"),
        ("topology: a.xml", 1, "write execution: emulated"),
        ("topology: a.xml\nexecution: real", 1, "write execution: emulated"),
        ("devices: {kind: q}", 1, "devices is a list"),
        ("devices: [{name: q}]", 1, "a device needs the field \"kind\""),
        ("devices: [{kind: gpu}]", 1, "is no kind for a declared device"),
        ("devices: [{kind: \"a b\"}]", 1, "is no kind for a declared device"),
        ("devices: [{kind: q, name: \"a/b\"}]", 1, "is no name for a device"),
        ("devices:\n- {kind: q, name: a}\n- {kind: r, name: a}", 3, "or stands twice"),
        ("devices: [{kind: q, count: 0}]", 1, "count is at least 1"),
        ("devices: [{kind: q, near: gpu0}]", 1, "near is numa:N or machine"),
        ("devices: [{kind: q, near: \"numa:-1\"}]", 1, "near is numa:N"),
        ("devices: [{kind: q, memoryRule: 16 * 2^}]", 1, "it ends where a value is expected"),
        ("devices: [{kind: q, memoryRule: }]\ndevcies: 1", 2, "Did you mean \"devices\"?"),
        ("devices: [{kind: q, attributes: [a]}]", 1, "attributes is a mapping"),
        ("devices: [{kind: q, attributes: {a: {b: 1}}}]", 1, "attributes.a is a number, a text, a flag or a list"),
        ("devices: [{kind: q, attributes: {a: 1e999}}]", 1, "attributes.a is larger than a number can be"),
        ("devices: [{kind: q, environment: [A]}]", 1, "environment maps names to values"),
        ("pools: [{name: torch}]", 1, "a pool needs the field \"command\""), ("pools: 5", 1, "pools is a list"),
        ("pools: [{name: p, kind: servr, command: [a]}]", 1, "Did you mean \"server\"?"),
        ("pools: [{name: p, kind: server, command: [a]}]", 1, "says where it listens: by {port}, or by {socket}"),
        ("pools: [{name: p, kind: server, command: ['{port}', '{socket}']}]", 1, "and not by both"),
        ("pools: [{name: p, command: [a, b], ready: {within: 1m}}]", 1, "unknown field \"ready\""),
        ("pools: [{name: p, kind: server, command: ['{port}'], ready: {path: v2}}]", 1, "ready.path is a path"),
        ("pools: [{name: p, kind: server, command: ['{port}'], ready: {within: 0s}}]", 1, "from 1s to 24h"),
        ("node: {}\n---\nnode: {}", 3, "a second document"),
        ("node: &a {}\nreserve: *a", 2, "aliases"), ("node: {name: a}\nnode: {name: b}", 2, "stands twice"),
    ])
    func `a mistake is refused with its line`(text: String, line: Int, problem: String) throws {
        let refusal = try #require(self.refusal(of: text), "\(text) was read")
        #expect(refusal.hasPrefix("agent.yaml:\(line): "))
        #expect(refusal.contains(problem))
        #expect(refusal.hasSuffix(".") || refusal.hasSuffix("?"))
    }

    @Test func `both kinds of pools are read`() throws {
        let pools = try read(
            """
            pools:
              - {name: numpy, command: [python3, -m, berth_worker, --import, numpy], slots: {minimum: 1}}
              - name: triton
                kind: server
                command: [tritonserver, "--http-port={port}"]
                resources: {memory: 24GiB}
                slots: {maximum: 2, idle: 30m}
                ready: {path: /ready, within: 5m}
            """
        ).pools
        #expect(
            pools == [
                PoolDefinition(
                    name: "numpy", command: ["python3", "-m", "berth_worker", "--import", "numpy"], minimumSlots: 1),
                PoolDefinition(
                    name: "triton", command: ["tritonserver", "--http-port={port}"],
                    server: .init(readyPath: "/ready", readyTime: .seconds(300)), memoryBytes: 24 << 30,
                    maximumSlots: 2, idleTime: .seconds(1800)),
            ])
    }

    @Test func `a device's hooks and health command are read`() throws {
        let configuration = try read(
            """
            devices:
              - kind: qpu
                hooks: {start: [load, --fast], stop: [unload]}
                health: {command: [ping, qpu], every: 5s}
              - kind: qpu
            """)
        #expect(
            configuration.devices[0].care
                == DeviceCare(
                    startHook: ["load", "--fast"], stopHook: ["unload"], healthCommand: ["ping", "qpu"],
                    healthInterval: .seconds(5)))
        #expect(configuration.devices[1].care == nil)
    }

    @Test func `a device's files are read, and are devices`() throws {
        let configuration = try read("devices: [{kind: fpga, files: [/dev/fpga0, /dev/fpga0-ctl]}, {kind: fpga}]")
        #expect(configuration.devices.map(\.files) == [["/dev/fpga0", "/dev/fpga0-ctl"], nil])
        let refused = refusal(of: "devices: [{kind: fpga, files: [/etc/passwd]}]")
        #expect(refused?.contains("files are devices below /dev, and here stands \"/etc/passwd\"") == true)
    }

    @Test(arguments: ["{command: [], every: 5s}", "{every: 5s}", "{command: [x], every: 1ms}", "{command: x}"])
    func `a health command that cannot be is refused`(health: String) {
        #expect(refusal(of: "devices: [{kind: qpu, health: \(health)}]") != nil)
    }
}
