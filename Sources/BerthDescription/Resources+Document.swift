import BerthModel

extension ResourceRequest {
    /// Reads `resources` or one of `alternatives`.
    init(_ document: Document, _ subject: String) throws(DescriptionError) {
        var fields = try Fields(document, subject)
        self.init()
        cpus = try fields.integer("cpus", 1...100_000) ?? 1
        countsThreads = try fields.flag("threads") ?? false
        memoryBytes = try fields.optional("memory")?.someBytes("memory")
        gpus = try fields.optional("gpus").flatMap(GPURequest.read)
        for device in try fields.optional("devices")?.list("devices") ?? [] {
            devices.append(try DeviceRequest(document: device))
        }
        if let document = fields.optional("locality") {
            guard let locality = Locality(text: try document.text("locality")) else {
                throw document.failure(
                    "locality is numa, package or node, or one of them with ? for a wish, and here stands \(document.kind)"
                )
            }
            self.locality = locality
        }
        nodes = try fields.integer("nodes", 1...1_000_000) ?? 1
        isExclusive = try fields.flag("exclusive") ?? false
        throughput = try fields.optional("throughput").map(Throughput.init(document:))
        try fields.finish()
    }
}

extension Throughput {
    private static let typeLimit = 64

    /// `{V100: 48, K80: 8}`.
    init(document: Document) throws(DescriptionError) {
        var fields = try Fields(document, "throughput")
        let entries = fields.rest()
        guard (1...Self.typeLimit).contains(entries.count) else {
            throw document.failure(
                "throughput names 1 to \(Self.typeLimit) types of devices, and here stand \(entries.count)")
        }
        var rates: [String: Double] = [:]
        for (type, rate) in entries {
            guard (1...200).contains(type.utf8.count) else {
                throw rate.failure("a type of throughput has 1 to 200 bytes, a part of the name of the device's model")
            }
            rates[type] = try rate.real("throughput of \(type.shown)", 1e-9...1e12)
        }
        self.init(rates)
    }
}

extension GPURequest {
    /// A number, a share, or a mapping; nil for 0.
    static func read(_ document: Document) throws(DescriptionError) -> GPURequest? {
        guard case .mapping = document.content else {
            let count = try document.gpuThousandths("gpus")
            return count == 0 ? nil : GPURequest(thousandths: count)
        }
        var fields = try Fields(document, "gpus")
        var request = GPURequest(thousandths: try fields.optional("count")?.gpuThousandths("count") ?? whole)
        request.models = try fields.text("model")?.split(separator: "|").map(String.init) ?? []
        request.memoryBytes = try fields.optional("memory")?.someBytes("memory")
        request.link = try fields.optional("link").map { document throws(DescriptionError) in
            guard let link = Inventory.DeviceLink.Kind(rawValue: try document.text("link")) else {
                throw document.failure("link is nvlink or xgmi, and here stands \(document.kind)")
            }
            return link
        }
        try fields.finish()
        return request.thousandths == 0 ? nil : request
    }
}

extension Document {
    fileprivate func someBytes(_ name: String) throws(DescriptionError) -> Int64 {
        let bytes = try bytes(name)
        guard bytes > 0 else { throw failure("\(name) is more than nothing") }
        return bytes
    }

    /// Whole GPUs, or a share between 0 and 1, in thousandths.
    fileprivate func gpuThousandths(_ name: String) throws(DescriptionError) -> Int {
        let text = try text(name)
        guard let thousandths = GPURequest.thousandths(text) else {
            throw failure("\(name) is a number of GPUs or a share like 0.5, and here stands \(kind)")
        }
        return thousandths
    }

    /// RFC 3339, or `+2h` from now.
    func instant(_ name: String, now: Timestamp) throws(DescriptionError) -> Timestamp {
        let text = try text(name)
        if let time = Timestamp(text) { return time }
        let relative = text.hasPrefix("now+") ? text.dropFirst(4) : text.hasPrefix("+") ? text.dropFirst() : ""
        // What no calendar page has could not be written down again.
        guard !relative.isEmpty, let wait = Duration(text: relative), Timestamp((now + wait).description) != nil else {
            throw failure("\(name) is a time like 2026-12-01T08:00:00Z or +2h, and here stands \(kind)")
        }
        return now + wait
    }
}

extension GPURequest {
    /// `2`, `0.5`; nil where it is neither a whole number nor a share below one.
    static func thousandths(_ text: String) -> Int? {
        if let count = Int(text) { return (0...1000).contains(count) ? count * whole : nil }
        guard let share = Double(text), share > 0, share < 1 else {
            return Double(text).flatMap { $0 == $0.rounded() && (0...1000).contains($0) ? Int($0) * whole : nil }
        }
        return max(1, Int((share * Double(whole)).rounded()))
    }
}

extension DeviceRequest {
    /// `{kind: qsim, count: 1, qubits: 28}`: what is neither kind nor count is an attribute.
    init(document: Document) throws(DescriptionError) {
        var fields = try Fields(document, "a device")
        self.init(
            kind: try fields.required("kind").text("kind"), count: try fields.integer("count", 1...100_000) ?? 1)
        for (name, value) in fields.rest() { attributes[name] = try value.attribute(name) }
    }
}

extension ArraySpecification {
    /// A number of tasks, or `{count | indices | values, parallel}`.
    init(document: Document) throws(DescriptionError) {
        guard case .mapping = document.content else {
            self.init(indices: IndexRanges(0..<(try document.integer("array", 1...Self.limit))))
            return
        }
        var fields = try Fields(document, "array")
        let count = try fields.integer("count", 1...Self.limit)
        let indices = fields.optional("indices")
        let values = try fields.texts("values")
        switch (count, indices, values) {
        case (let count?, nil, nil): self.init(indices: IndexRanges(0..<count))
        case (nil, let document?, nil):
            guard let ranges = IndexRanges(try document.text("indices")), (1...Self.limit).contains(ranges.count) else {
                throw document.failure("indices are like 0-99,200, at most \(Self.limit) of them")
            }
            self.init(indices: ranges)
        case (nil, nil, let values?):
            guard (1...Self.limit).contains(values.count) else { throw document.failure("values has no value") }
            self.init(values: values)
        default: throw document.failure("array has one of count, indices and values")
        }
        parallel = try fields.integer("parallel", 1...Self.limit)
        try fields.finish()
    }
}

extension RetryPolicy {
    /// A number of further attempts, or the whole policy.
    init(document: Document) throws(DescriptionError) {
        guard case .mapping = document.content else {
            self.init(attempts: try document.integer("retry", 0...1000))
            return
        }
        var fields = try Fields(document, "retry")
        self.init(attempts: try fields.integer("attempts", 0...1000) ?? 1)
        if let list = fields.optional("on") { on = Set(try Self.failures(list)) }
        if let document = fields.optional("backoff") { backoff = try Backoff(document: document, defaults: backoff) }
        for rule in try fields.optional("rules")?.list("rules") ?? [] {
            rules.append(try Rule(document: rule, defaults: backoff))
        }
        try fields.finish()
    }

    fileprivate static func failures(_ list: Document) throws(DescriptionError) -> [Failure] {
        var failures: [Failure] = []
        for item in try list.list("on") { failures.append(try item.choice("on", Failure.self)) }
        return failures
    }
}

extension RetryPolicy.Backoff {
    init(document: Document, defaults: Self) throws(DescriptionError) {
        self = defaults
        var fields = try Fields(document, "backoff")
        initial = try fields.duration("initial") ?? initial
        factor = try fields.optional("factor")?.real("factor", 1...100) ?? factor
        maximum = try fields.duration("maximum") ?? maximum
        if let spread = fields.optional("jitter") {
            jitter = (try? spread.text("jitter")) == "full" ? nil : try spread.real("jitter", 0...1)
        }
        try fields.finish()
    }
}

extension RetryPolicy {
    /// A number, or a name with or without SIG: `11`, `SIGSEGV`.
    fileprivate static func signal(_ document: Document) throws(DescriptionError) -> Int {
        let text = try document.text("signals")
        if let number = Int(text) {
            guard (1...64).contains(number) else {
                throw document.failure("signals have numbers from 1 to 64, and here stands \(text.shown)")
            }
            return number
        }
        if let number = SignalName.number(of: text) { return number }
        let name = text.uppercased()
        let nearest = (name.hasPrefix("SIG") ? name : "SIG" + name).nearest(in: SignalName.all)
        throw document.failure(
            "\"\(text.shown)\" is no signal"
                + (nearest.map { ". Did you mean \"\($0)\"?" } ?? "; write its name, SIGSEGV, or its number, 11"))
    }
}

extension RetryPolicy.Rule {
    fileprivate init(document: Document, defaults: RetryPolicy.Backoff) throws(DescriptionError) {
        var fields = try Fields(document, "a rule of retry")
        self.init(on: try RetryPolicy.failures(fields.required("on")))
        action = try fields.optional("action")?.choice("action", Action.self) ?? .retry
        attempts = try fields.integer("attempts", 0...1000)
        if let document = fields.optional("backoff") {
            backoff = try RetryPolicy.Backoff(document: document, defaults: defaults)
        }
        guard
            action == .retry && on.contains(where: { $0 != .nodeLost && $0 != .preempted })
                || attempts == nil && backoff == nil
        else {
            throw document.failure("attempts and backoff say nothing about what is not retried, or always and at once")
        }
        if let codes = fields.optional("exitCodes") {
            guard on.contains(.exit) else { throw codes.failure("exitCodes needs exit under on") }
            let text = try codes.text("exitCodes")
            guard let ranges = IndexRanges(text), ranges.allSatisfy({ (1...255).contains($0) }), !ranges.isEmpty else {
                throw codes.failure(
                    "exitCodes is codes from 1 to 255, \"75,100-110\", and here stands \"\(text.shown)\"")
            }
            exitCodes = ranges
        }
        if let list = fields.optional("signals") {
            guard on.contains(.signal) else { throw list.failure("signals needs signal under on") }
            signals = []
            for item in try list.list("signals") { signals?.append(try RetryPolicy.signal(item)) }
        }
        if let growth = fields.optional("memory") {
            guard on.contains(.outOfMemory), action == .retry else {
                throw growth.failure("memory needs outOfMemory under on, and the action retry")
            }
            var part = try Fields(growth, "memory")
            memory = RetryPolicy.MemoryGrowth(
                factor: try part.optional("factor")?.real("factor", 1.01...100) ?? 2,
                maximumBytes: try part.bytes("maximum"))
            try part.finish()
        }
        try fields.finish()
    }
}

extension CodeState {
    init(document: Document) throws(DescriptionError) {
        var fields = try Fields(document, "code")
        self.init(
            repository: try fields.required("repository").text("repository"),
            commit: try fields.required("commit").text("commit"), isDirty: try fields.flag("dirty") ?? false)
        try fields.finish()
    }
}
