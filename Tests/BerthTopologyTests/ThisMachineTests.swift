import BerthModel
import BerthTopology
import Foundation
import Testing

struct ThisMachineTests {
    @Test func `this machine's inventory has its CPUs and its memory`() throws {
        let (inventory, _, stack) = try Machine.read()

        #expect(inventory.cpus.count >= 1)
        #expect(!inventory.cores.isEmpty)
        #expect(inventory.architecture == stack.architecture)
        let memory = try #require(SystemMemory.read())
        if inventory.memorySource == .numaNodes {
            // The nodes' own counters are believed where next to nothing is missing in them.
            #expect(try #require(inventory.memoryBytes) >= memory.total / 100 * 98)
        } else {
            #expect(inventory.memoryBytes == min(memory.total, memory.limit ?? memory.total))
        }
        try expectConsistent(inventory)
    }

    @Test func `the memory is what the kernel says it is`() throws {
        let text = try String(contentsOfFile: "/proc/meminfo", encoding: .utf8)
        let kibibytes = text.split(separator: "\n").first { $0.hasPrefix("MemTotal") }?.split(separator: " ")[1]
        #expect(SystemMemory.read()?.total == kibibytes.flatMap { Int64($0) }.map { $0 * 1024 })
    }

    @Test func `the same machine read twice has the same inventory, letter by letter`() throws {
        #expect(try Machine.read().inventory.encoded() == Machine.read().inventory.encoded())
    }

    @Test func `the export that is kept tells nobody which machine it was`() throws {
        let (_, xml, stack) = try Machine.read()
        let text = String(decoding: xml, as: UTF8.self)
        #expect(text.contains("<topology"))
        for word in ["Serial", "UUID", "AssetTag", "HostName", "name=\"Address\"", "GUID", "ProcessName"] {
            #expect(!text.contains(word), "\(word) stands in the export")
        }
        if stack.hostName.count > 3 { #expect(!text.contains("\"\(stack.hostName)\"")) }
        #expect(throws: Never.self) { _ = try Topology(xml: xml) }
    }

    @Test func `serial numbers, addresses and host names of a described machine are taken out of its export`() throws {
        var export = Export()
        let secret = [
            "DMIProductSerial", "DMIProductUUID", "DMIBoardAssetTag", "HostName", "Address", "NodeGUID", "SysImageGUID",
            "Port1LID", "Port1GID0", "NVIDIASerial", "AMDUUID", "SerialNumber", "XGMIHiveID",
        ]
        export.devices = Export.declared("qsim0", id: 50, secret.map { ($0, "hidden-\($0)") } + [("Backend", "shown")])
        let text = String(decoding: Machine.described(by: try Topology(xml: export.bytes)).xml, as: UTF8.self)
        #expect(!text.contains("hidden"))
        #expect(text.contains("shown"))
    }
}
