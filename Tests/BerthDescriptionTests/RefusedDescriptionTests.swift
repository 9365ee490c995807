import BerthDescription
import BerthModel
import Testing

/// A description that is wrong is refused with the file, the line and what would be right.
struct RefusedDescriptionTests {
    @Test func `an unknown field is refused with its line and the nearest field there is`() {
        let refusal = Written.refusal(of: "name: a\ncommand: [run]\nresources:\n  cpus: 2\n  memroy: 4GiB\n")
        #expect(refusal == "job.yaml:5: unknown field \"memroy\" in resources. Did you mean \"memory\"?")
    }

    @Test func `an unknown field that is near to none is refused with all there are`() {
        let refusal = Written.refusal(of: "command: [run]\npreemption:\n  quux: 1\n")
        #expect(refusal == "job.yaml:3: unknown field \"quux\" in preemption (there are: grace, checkpoint).")
    }

    @Test func `an unknown field of JSON is refused with its line as well`() {
        let refusal = Written.refusal(
            of: "{\n  \"command\": [\"run\"],\n  \"tmieLimit\": \"6h\"\n}\n", file: "job.json")
        #expect(refusal == "job.json:3: unknown field \"tmieLimit\" in the job. Did you mean \"timeLimit\"?")
    }

    @Test(arguments: [
        ("name: [a]", 2, "name is a text, and here stands a list"),
        ("name: \"\"", 1, "1 to 200 printable characters"),
        ("name: \"a\\nb\"", 1, "1 to 200 printable characters"),
        ("name: \"a\\u009bb\"", 1, "1 to 200 printable characters"),
        ("workingDirectory: {a: b}", 2, "workingDirectory is a text"),
        ("environment: [a, b]", 2, "environment maps names to values"),
        ("environment: {1A: x}", 2, "\"1A\" is no name of an environment variable"),
        ("environment: {\"A=B\": x}", 2, "is no name of an environment variable"),
        ("environment: {A: ~}", 2, "put it in quotes"),
        ("environment: {A: [x]}", 2, "environment.A is a text"),
        ("labels: x", 2, "labels maps names to values"),
        ("labels: {\"\": x}", 2, "a name that is empty"),
        ("resources: 4", 2, "resources is a mapping of fields, and here stands the number 4"),
        ("resources: {cpus: 0}", 2, "cpus is at least 1 and at most 100000, and here stands 0"),
        ("resources: {cpus: -1}", 2, "cpus is at least 1"),
        ("resources: {cpus: 1.5}", 2, "cpus is a whole number, and here stands the number 1.5"),
        ("resources: {cpus: 99999999999999999999}", 2, "cpus is a whole number"),
        ("resources: {cpus: many}", 2, "cpus is a whole number, and here stands the text \"many\""),
        ("resources: {threads: yes}", 2, "threads is true or false, and here stands the text \"yes\""),
        ("resources: {memory: 0}", 2, "memory is more than nothing"),
        ("resources: {memory: -4GiB}", 2, "memory is a size like 512MiB or 4GiB"),
        ("resources: {memory: 4 gigs}", 2, "memory is a size"),
        ("resources: {memory: 9223372036854775808}", 2, "memory is a size"),
        ("resources: {memory: 99999999999PiB}", 2, "memory is a size"),
        ("resources: {memory: nan}", 2, "memory is a size"),
        ("resources: {memory: 1e30}", 2, "memory is a size"),
        ("resources: {gpus: -1}", 2, "gpus is a number of GPUs or a share"),
        ("resources: {gpus: 1.5}", 2, "gpus is a number of GPUs or a share"),
        ("resources: {gpus: nan}", 2, "gpus is a number of GPUs or a share"),
        ("resources: {gpus: 1000000}", 2, "gpus is a number of GPUs or a share"),
        ("resources: {gpus: {link: copper}}", 2, "link is nvlink or xgmi"),
        ("resources: {gpus: {memory: 0}}", 2, "memory is more than nothing"),
        ("resources: {devices: {kind: qsim}}", 2, "devices is a list, and here stands a mapping"),
        ("resources: {devices: [{count: 1}]}", 2, "a device needs the field \"kind\""),
        ("resources: {devices: [{kind: q, count: 0}]}", 2, "count is at least 1"),
        ("resources: {devices: [{kind: q, qubits: {a: 1}}]}", 2, "qubits is a number, a text, a flag or a list"),
        ("resources: {devices: [{kind: q, qubits: 1e999}]}", 2, "qubits is larger than a number can be"),
        ("resources: {locality: rack}", 2, "locality is numa, package or node"),
        ("resources: {nodes: 0}", 2, "nodes is at least 1"),
        ("alternatives: {cpus: 1}", 2, "alternatives is a list"),
        ("constraints: \"a == 1\"", 2, "constraints is a list"),
        ("constraints: [\"a ==\"]", 2, "it ends where a value is expected"),
        ("timeLimit: soon", 2, "timeLimit is a time like 90s, 10m, 2h30m or 7d, and here stands the text \"soon\""),
        ("timeLimit: -5m", 2, "timeLimit is a time"),
        ("timeLimit: 1e300", 2, "timeLimit is a time"),
        ("timeLimit: inf", 2, "timeLimit is a time"),
        ("deadline: tomorrow", 2, "deadline is a time like 2026-12-01T08:00:00Z or +2h"),
        ("deadline: 2026-13-01T00:00:00Z", 2, "deadline is a time"),
        ("deadline: 2026-02-30T00:00:00Z", 2, "deadline is a time"),
        ("deadline: +900000000000s", 2, "deadline is a time"),
        ("hold: 1", 2, "hold is true or false"),
        ("retry: -1", 2, "retry is at least 0"),
        ("retry: {attempts: 1001}", 2, "attempts is at least 0 and at most 1000"),
        ("retry: {on: exit}", 2, "on is a list"),
        ("retry: {on: [outofmemory]}", 2, "Did you mean \"outOfMemory\"?"),
        ("retry: {backoff: {factor: 0.5}}", 2, "factor is a number from 1.0 to 100.0"),
        ("retry: {backoff: {jitter: 2}}", 2, "jitter is a number from 0.0 to 1.0"),
        ("preemption: {grace: never}", 2, "grace is a time"),
        ("after: 41", 2, "after is a list"),
        ("after: [{when: ended}]", 2, "after needs the field \"job\""),
        ("after: [{job: 1, when: done}]", 2, "when is one of succeeded, failed, ended, started"),
        ("array: 0", 2, "array is at least 1"),
        ("array: 1000001", 2, "at most 1000000"),
        ("array: {}", 2, "array has one of count, indices and values"),
        ("array: {count: 2, values: [a, b]}", 2, "array has one of count, indices and values"),
        ("array: {values: []}", 2, "values has no value"),
        ("array: {indices: 5-2}", 2, "indices are like 0-99,200"),
        ("array: {indices: 0-4294967295}", 2, "indices are like 0-99,200"),
        ("array: {count: 2, parallel: 0}", 2, "parallel is at least 1"),
        ("inputs: data", 2, "inputs is a list"),
        ("outputs: [{a: b}]", 2, "outputs is a text"),
        ("code: {repository: /a}", 2, "code needs the field \"commit\""),
        ("apiVersion: berth/v2", 1, "apiVersion is berth/v1"),
        ("kind: Pod", 1, "kind is Job"),
        ("script: x", 1, "both command and script"),
        ("name: a\nname: b", 3, "\"name\" stands twice"),
        ("name: a\n'name': b", 3, "\"name\" stands twice"),
        ("labels: {a: 1, a: 2}", 2, "\"a\" stands twice"),
        ("? [a, b]\n: c", 2, "a field's name is a text"),
        ("name: *n", 2, "aliases (*name) are not followed"),
        ("name: !!str 5", 2, "tags (tag:yaml.org,2002:str) have no meaning here"),
        ("name: !ruby/object:Gem x", 2, "have no meaning here"),
        ("name: \"a\\0b\"", 2, "NUL character"),
        ("\"a\\0\": b", 2, "NUL character"),
        ("name: [a", 3, "it is no YAML"),
        ("name: \"a", 3, "it is no YAML"),
        ("\tname: a", 2, "it is no YAML"),
        ("name: a: b", 2, "it is no YAML"),
    ])
    func `a wrong value is refused with its line`(lines: String, line: Int, problem: String) throws {
        let refusal = try #require(Written.refusalWith(lines), "\(lines) was read")
        #expect(refusal.hasPrefix("job.yaml:\(line): "))
        #expect(refusal.contains(problem))
        #expect(refusal.hasSuffix(".") || refusal.hasSuffix("?"))
        #expect(!refusal.contains("\n"))
    }

    @Test(arguments: [
        ("", "it describes no job"), ("# nothing\n", "it describes no job"), ("---\n---\n", "it describes no job"),
        ("just words", "the job is a mapping of fields, and here stands the text \"just words\""),
        ("[a, b]", "the job is a mapping of fields, and here stands a list"), ("42", "here stands the number 42"),
        ("name: a", "the job needs command or script"), ("command: []", "command names no program"),
        ("command: [\"\", a]", "command names no program"), ("command: [a, null]", "put it in quotes"),
        ("command: echo hello", "command is a list, the program first"), ("script: \"  \\n\"", "script is empty"),
        ("{\"command\": [\"a\", null]}", "put it in quotes"),
    ])
    func `what describes no job is refused`(text: String, problem: String) throws {
        let refusal = try #require(Written.refusal(of: text))
        #expect(refusal.contains(problem))
    }

    /// The reader once stopped at the first mistake in silence and took what came before for the whole.
    @Test(arguments: ["name: [a", "a: b: c", "name: a\nname: b", "name: *x", "quux: 1", "\u{7}"])
    func `a mistake in a later document refuses the whole file`(later: String) {
        #expect(Written.refusal(of: "name: first\ncommand: [run]\n---\n\(later)\n") != nil)
    }

    @Test func `a message shows the beginning of a long text, without what moves a terminal's cursor`() throws {
        let refusal = try #require(
            Written.refusalWith("timeLimit: \"\\e[2J\\r\\n" + String(repeating: "x", count: 5000) + "\""))
        #expect(refusal.count < 200)
        #expect(refusal.unicodeScalars.allSatisfy { $0.value >= 32 })
        let field = try #require(Written.refusalWith("\"\\e[2J\\n" + String(repeating: "x", count: 900) + "\": 1"))
        #expect(field.unicodeScalars.allSatisfy { $0.value >= 32 })
    }
}
