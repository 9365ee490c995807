import BerthModel
import BerthTopology
import Testing

/// An export comes from outside: whatever is in it, it is read or refused with a sentence, and never takes the place of
/// the machine that reads it.
@Suite(.timeLimit(.minutes(20)))
struct HostileExportTests {
    @Test func `an export of four cores is read`() throws {
        let inventory = try Topology(xml: Export().bytes).inventory()
        #expect(inventory.cores.count == 4)
        #expect(inventory.memoryBytes == 16 << 30)
        #expect(inventory.architecture == "spoiled")
    }

    struct Spoiled: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        var testDescription: String { name }

        init(_ name: String, _ text: String) { self.init(name, Array(text.utf8)) }
        init(_ name: String, _ bytes: [UInt8]) {
            self.name = name
            self.bytes = bytes
        }
    }

    static let good = Export().text
    static let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    static let root = "<topology version=\"2.0\">"
    static func nested(_ count: Int, open: String = "<object type=\"Group\">") -> String {
        String(repeating: open, count: count) + String(repeating: "</object>", count: count)
    }

    static let unreadable: [Spoiled] = [
        Spoiled("an empty file", ""),
        Spoiled("nothing but spaces", "  \n\t \n"),
        Spoiled("a byte order mark alone", [0xEF, 0xBB, 0xBF]),
        Spoiled("plain text", "this is not XML\n"),
        Spoiled("another root", head + "<svg><g/></svg>\n"),
        Spoiled("a topology inside another root", head + "<lshw>" + good.dropFirst(head.utf8.count) + "</lshw>"),
        Spoiled("a root that begins like a topology", head + "<topologyx version=\"2.0\"></topologyx>"),
        Spoiled("a topology in a comment", head + "<!-- <topology version=\"2.0\"> --><svg></svg></topology>"),
        Spoiled("an empty topology", head + root + "</topology>"),
        Spoiled("a closed topology", head + "<topology version=\"2.0\"/>"),
        Spoiled("half a file", String(good.prefix(good.count / 2))),
        Spoiled("a file without its last line", String(good.dropLast(12))),
        Spoiled("a file cut off in a tag", String(good.prefix(good.count / 2)) + "<object type=\"Core\" os_index=\"1"),
        Spoiled("a file cut off in a comment", good + "<!-- and"),
        Spoiled("text after the root", good + "<topology/>"),
        Spoiled(
            "an entity", head + "<!DOCTYPE topology [<!ENTITY a \"1\">]>" + root + "<object type=\"&a;\"/></topology>"),
        Spoiled(
            "an external entity",
            head + "<!DOCTYPE topology [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>" + root + "&a;</topology>"),
        Spoiled("a parameter entity", head + "<!DOCTYPE topology [ %a; ]>" + root + "</topology>"),
        Spoiled(
            "entities of entities",
            head + "<!DOCTYPE topology [<!ENTITY a \"aaaaaaaaaa\">"
                + (1..<30).map {
                    "<!ENTITY a\($0) \"" + String(repeating: "&a\($0 == 1 ? "" : "\($0 - 1)");", count: 10) + "\">"
                }.joined()
                + "]>" + root + "<info name=\"&a29;\" value=\"\"/></topology>"),
        Spoiled("NUL bytes", good.replacing("Core", with: "Co\0re")),
        Spoiled("NUL bytes alone", [UInt8](repeating: 0, count: 1000)),
        Spoiled("an encoding that hides tags", good.replacing("UTF-8", with: "UTF-7")),
        Spoiled(
            "UTF-16",
            Array("\u{FEFF}".utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] })
                + good.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }),
        Spoiled("bytes that are no UTF-8", Array(good.utf8).map { $0 == UInt8(ascii: "P") ? 0xFF : $0 }),
        Spoiled("closing more than was opened", head + root + "</object></object></topology>"),
        Spoiled("a tag that ends in an attribute", good.replacing("type=\"Core\"", with: "x=\"/>\" type=\"Core\"")),
        Spoiled(
            "a comment between elements",
            good.replacing("<object type=\"Package\"", with: "<!-- first --><object type=\"Package\"")),
    ]

    @Test(arguments: unreadable)
    func `what is no export is refused with a sentence, and nothing is read in its place`(_ spoiled: Spoiled) throws {
        let error = #expect(throws: TopologyError.self) { _ = try Topology(xml: spoiled.bytes) }
        #expect(error?.description.hasSuffix(".") == true)
        #expect(error?.description.contains("\n") == false)
    }

    static let deep: [Spoiled] = [
        Spoiled("20,000 elements", head + root + nested(20_000) + "</topology>"),
        Spoiled("300 elements", head + root + nested(300) + "</topology>"),
        Spoiled(
            "elements behind a comment that closes some",
            head + root + nested(20_000, open: "<object type=\"Group\"><!-- </object> -->") + "</topology>"),
        Spoiled(
            "elements behind an instruction that closes some",
            head + root + nested(20_000, open: "<object type=\"Group\"><?x </object> ?>") + "</topology>"),
    ]

    @Test(arguments: deep)
    func `deep nesting is refused before a parser sees it`(_ spoiled: Spoiled) {
        #expect(throws: TopologyError.tooDeep) { _ = try Topology(xml: spoiled.bytes) }
    }

    @Test func `closing tags in a document type do not hide what is nested below`() {
        let text =
            Self.head + "<!DOCTYPE topology " + String(repeating: "</a>", count: 20_000) + ">\n" + Self.root
            + Self.nested(20_000) + "</topology>"
        #expect(throws: TopologyError.self) { _ = try Topology(xml: Array(text.utf8)) }
    }

    @Test func `an attribute cannot hide nesting behind the end of a tag`() {
        let text =
            Self.head + Self.root + Self.nested(20_000, open: "<object name=\"/>\" type=\"Group\">") + "</topology>"
        #expect(throws: TopologyError.self) { _ = try Topology(xml: Array(text.utf8)) }
    }

    @Test func `a file that is too large is refused by its size`() {
        let size = 17 << 20
        #expect(throws: TopologyError.tooLarge(bytes: size)) {
            _ = try Topology(xml: [UInt8](repeating: UInt8(ascii: " "), count: size))
        }
    }

    @Test func `the newest format is refused by its number, and the sentence says how to export an older one`() {
        var export = Export()
        export.version = "3.0"
        let error = #expect(throws: TopologyError.unknownFormat(version: "3.0")) { _ = try Topology(xml: export.bytes) }
        #expect(error?.description.contains("3.0") == true)
        #expect(error?.description.contains("--export-xml-flags v2") == true)
    }

    @Test func `a byte order mark and the line ends of Windows change nothing`() throws {
        let windows = [0xEF, 0xBB, 0xBF] + Array(Self.good.replacing("\n", with: "\r\n").utf8)
        #expect(try Topology(xml: windows).inventory() == Topology(xml: Export().bytes).inventory())
    }

    @Test func `a comment above the topology changes nothing`() throws {
        let commented = Self.good.replacing("<topology ", with: "<!-- </b> the \"first <b> of ours -->\n<topology ")
        #expect(try Topology(xml: Array(commented.utf8)).inventory() == Topology(xml: Export().bytes).inventory())
    }

    @Test(arguments: [
        "18446744073709551615", "-1", "9223372036854775807", "0", "", "much", "99999999999999999999999999",
    ])
    func `a memory size that no machine has is unknown`(size: String) throws {
        var export = Export()
        export.memory = size
        let inventory = try Topology(xml: export.bytes).inventory()
        #expect(inventory.memoryBytes == nil)
        #expect(inventory.memorySource == .unknown)
        #expect(inventory.cores.count == 4)
    }

    @Test func `a machine with fewer CPUs than its cores have offers only those`() throws {
        var export = Export()
        export.machineCPUs = "0x1"
        let inventory = try Topology(xml: export.bytes).inventory()
        #expect(inventory.cpus == [0])
        #expect(inventory.cores.count == 1)
        try expectConsistent(inventory)
    }

    @Test(arguments: [[65_534, 65_535, 65_536, 70_000], [70_000, 70_001, 70_002, 70_003]])
    func `CPUs with numbers beyond what a set holds are left out`(numbers: [Int]) throws {
        var export = Export()
        export.puNumbers = numbers
        let inventory = try Topology(xml: export.bytes).inventory()
        #expect(inventory.cpus.numbers == numbers.filter { $0 <= CPUSet.largestNumber })
        #expect(inventory.cores.count == inventory.cpus.count)
        try expectConsistent(inventory)
    }

    @Test(arguments: [
        [("MIGMemorySize", "9223372036854775807")], [("MemoryBytes", "-5")], [("MemoryBytes", "99999999999999999999")],
        [("Slots", "9223372036854775807")], [("Slots", "-3")], [("Slots", "0")], [("Qubits", "nan")],
        [("Qubits", "1e999")],
        [("QubitBytes", "16 * (")], [("QubitBytes", String(repeating: "(", count: 5000))], [("Berth", "declared")],
    ])
    func `a declared device with a senseless fact is still one device`(facts: [(String, String)]) throws {
        var export = Export()
        export.devices = Export.declared("qsim0", id: 50, facts)
        let inventory = try Topology(xml: export.bytes).inventory()
        #expect(inventory.devices.map(\.name) == ["qsim0"])
        #expect(inventory.devices.allSatisfy { $0.memoryBytes == nil && (1...100_000).contains($0.count) })
        #expect(inventory.devices.allSatisfy { $0.attributes["maxQubits"] == nil })
        try expectConsistent(inventory)
    }

    @Test func `declared devices of one name get names of their own`() throws {
        var export = Export()
        export.devices = (50..<54).map { Export.declared($0 == 53 ? "qsim-2" : "qsim", id: $0) }.joined()
        let names = try Topology(xml: export.bytes).inventory().devices.map(\.name)
        #expect(names == ["qsim", "qsim-2", "qsim-3", "qsim-2-2"])
    }

    /// Any line of an export may be missing, doubled, or changed in a digit.
    @Test(arguments: 0..<300 as Range<UInt64>)
    func `a damaged export is read or refused, and never crashes`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var export = Export()
        export.cores = Int.random(in: 1...6, using: &random)
        export.devices = Export.declared("qsim0", id: 50, [("Qubits", "30"), ("Slots", "2")])
        var lines = export.text.split(separator: "\n").map(String.init)
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let place = Int.random(in: 2..<lines.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: lines.remove(at: place)
            case 1: lines.insert(lines[place], at: place)
            case 2: lines.swapAt(place, Int.random(in: 2..<lines.count, using: &random))
            default:
                let digit = Character("\(Int.random(in: 0...9, using: &random))")
                lines[place] = String(
                    lines[place].map { $0.isNumber && Int.random(in: 0..<4, using: &random) == 0 ? digit : $0 })
            }
        }
        guard let topology = try? Topology(xml: Array(lines.joined(separator: "\n").utf8)) else { return }
        try expectConsistent(topology.inventory())
    }
}
