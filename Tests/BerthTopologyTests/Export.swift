/// A small machine as hwloc exports it, whose parts a test can spoil.
struct Export {
    var version = "2.0"
    var cores = 4
    /// The machine's own set of PUs, where it is not that of its cores.
    var machineCPUs: String?
    var memory = "17179869184"
    /// Numbers of PUs; nil counts from 0.
    var puNumbers: [Int]?
    /// Objects of the machine after its package.
    var devices = ""

    var bytes: [UInt8] { Array(text.utf8) }

    var text: String {
        let all = Self.set(Array(0..<cores))
        let sets = "nodeset=\"0x1\" complete_nodeset=\"0x1\""
        let cores = (0..<cores).map { index in
            let number = puNumbers?[index] ?? index
            let own = "cpuset=\"\(Self.set([number]))\" complete_cpuset=\"\(Self.set([number]))\""
            return """
                      <object type="Core" os_index="\(index)" \(own) \(sets) gp_index="\(index + 10)">
                        <object type="PU" os_index="\(number)" \(own) \(sets) gp_index="\(index + 1000)"/>
                      </object>
                """
        }.joined(separator: "\n")
        let machine = machineCPUs ?? puNumbers.map(Self.set) ?? all
        let machineSets = "cpuset=\"\(machine)\" complete_cpuset=\"\(machine)\" allowed_cpuset=\"\(machine)\""
        let own = puNumbers.map(Self.set) ?? all
        return """
            <?xml version="1.0" encoding="UTF-8"?>
            <!DOCTYPE topology SYSTEM "hwloc2.dtd">
            <topology version="\(version)">
              <object type="Machine" os_index="0" \(machineSets) \(sets) allowed_nodeset="0x1" gp_index="1">
                <info name="Architecture" value="spoiled"/>
                <object type="Package" os_index="0" cpuset="\(own)" complete_cpuset="\(own)" \(sets) gp_index="2">
                  <object type="NUMANode" os_index="0" cpuset="\(own)" complete_cpuset="\(own)" \(sets) gp_index="3" local_memory="\(memory)"/>
            \(cores)
                </object>
            \(devices)
              </object>
            </topology>

            """
    }

    /// A device that its owner declared, with these facts.
    static func declared(
        _ name: String, subtype: String = "QuantumSimulator", id: Int, _ facts: [(String, String)] = []
    ) -> String {
        let infos = ([("Berth", "declared")] + facts).map { "<info name=\"\($0.0)\" value=\"\($0.1)\"/>" }.joined()
        return
            "<object type=\"OSDev\" gp_index=\"\(id)\" name=\"\(name)\" subtype=\"\(subtype)\" osdev_type=\"5\">\(infos)</object>"
    }

    /// hwloc's form of a set: words of 32 bits, the highest first.
    private static func set(_ numbers: [Int]) -> String {
        var words = [UInt32](repeating: 0, count: (numbers.max() ?? 0) / 32 + 1)
        for number in numbers { words[number / 32] |= 1 << UInt32(number % 32) }
        return words.reversed().enumerated().map { index, word in
            index > 0 && word == 0 ? "" : "0x" + String(word, radix: 16)
        }.joined(separator: ",")
    }
}
