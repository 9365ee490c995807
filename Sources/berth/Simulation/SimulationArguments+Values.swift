import BerthModel

extension SimulationArguments {
    /// The one file of a format that replays one.
    func onlyWorkload() throws -> WorkloadFile {
        let files = try workloads()
        guard files.count == 1 else {
            throw Failure(2, "This format replays one workload; --workload names \(files.count). Name one of them.")
        }
        return files[0]
    }

    func workloads() throws -> [WorkloadFile] {
        guard !workload.isEmpty else { throw Failure(2, "There is nothing to replay. Name files with --workload.") }
        return workload.map(WorkloadFile.init)
    }

    /// The policy that is asked for: Berth's own where none is.
    func chosenPolicy<Policy: CaseIterable & RawRepresentable<String>>(_ type: Policy.Type) throws -> Policy {
        try choice(policy ?? "berth", called: "policy")
    }

    /// The member of a list by its name.
    func choice<Value: CaseIterable & RawRepresentable<String>>(_ text: String, called noun: String) throws -> Value {
        if let value = Value(rawValue: text) { return value }
        let known = Value.allCases.map(\.rawValue)
        let hint =
            text.nearest(in: known).map { "Did you mean \"\($0)\"?" } ?? "There are \(known.joined(separator: ", "))."
        throw Failure(2, "There is no \(noun) \"\(text)\" here. \(hint)")
    }

    /// `42-51` or `42`.
    func chosenSeeds(otherwise usual: ClosedRange<UInt64>) throws -> [UInt64] {
        guard let seeds else { return Array(usual) }
        let ends = seeds.split(separator: "-", omittingEmptySubsequences: false).map { UInt64($0) }
        guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first <= last else {
            throw Failure(2, "\"\(seeds)\" is no range of seeds; those are like 42-51, or 42 alone.")
        }
        guard last - first < 10_000 else {
            throw Failure(2, "--seeds \(seeds) asks for more than 10000 runs. Ask for fewer at a time.")
        }
        return Array(first...last)
    }

    /// A duration in seconds; `usual` where the option is not given.
    func seconds(_ text: String?, _ option: OptionName, otherwise usual: Double) throws -> Double {
        guard let text else { return usual }
        guard let duration = Duration(text: text) else {
            throw Failure(2, "\(option.text) \"\(text)\" is no duration; those are like 90s, 12m, 48h or 2h30m.")
        }
        return Double(duration.microseconds) / 1_000_000
    }

    /// A point in time; nil where the option is not given.
    func time(_ text: String?, _ option: OptionName) throws -> Timestamp? {
        guard let text else { return nil }
        guard let time = Timestamp(text) else {
            throw Failure(2, "\(option.text) \"\(text)\" is no time; those are like 2026-11-25T08:00:00Z.")
        }
        return time
    }

    /// A count of at least 1.
    func count(_ number: Int, _ option: OptionName, atMost limit: Int) throws -> Int {
        guard (1...limit).contains(number) else {
            throw Failure(2, "\(option.text) is \(number); it is a number from 1 to \(limit).")
        }
        return number
    }
}
