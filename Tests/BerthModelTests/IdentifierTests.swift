import BerthModel
import Testing

@Suite struct IdentifierTests {
    @Test(arguments: ["1", "42", "42.0", "42.7", "18446744073709551615"])
    func `a task's name is read and written the same`(text: String) {
        #expect(TaskID(text)?.description == text)
    }

    @Test(arguments: [
        "", "0", "0.1", "-1", "+1", "42.", ".7", "42.-1", "42.+7", "42.7.1", "42@1", "a", "4 2", " 42", "42 ", "0x2a",
        "18446744073709551616", "42.9223372036854775808", "٤٢",
    ])
    func `what is no task's name is refused`(text: String) { #expect(TaskID(text) == nil) }

    @Test(arguments: ["42@1", "42.7@2"])
    func `an attempt's name is read and written the same`(text: String) {
        #expect(AttemptID(text)?.description == text)
    }

    @Test(arguments: ["", "42", "42@", "@1", "42@0", "42@-1", "42@+1", "42@1@1", "42.x@1", "0@1"])
    func `what is no attempt's name is refused`(text: String) { #expect(AttemptID(text) == nil) }

    @Test func `a whole job comes before its tasks, and these in order of number`() throws {
        let names = ["42.10", "41.3", "42", "42.2"].compactMap { TaskID($0) }
        #expect(names.sorted().map(\.description) == ["41.3", "42", "42.2", "42.10"])
        let attempts = ["42@10", "42.1@1", "42@2"].compactMap { AttemptID($0) }
        #expect(attempts.sorted().map(\.description) == ["42@2", "42@10", "42.1@1"])
    }

    @Test(arguments: ["a", "node-7.rack_2", "0", String(repeating: "n", count: 253)])
    func `a name that fits paths and tables is well formed`(text: String) { #expect(NodeName(text).isWellFormed) }

    @Test(arguments: ["", ".", "-a", "..", "a/b", "a b", "ä", "a\n", String(repeating: "n", count: 254)])
    func `a name that could lead elsewhere is not`(text: String) { #expect(!NodeName(text).isWellFormed) }
}
