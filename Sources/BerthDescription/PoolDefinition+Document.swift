import BerthModel

extension PoolDefinition {
    /// An item of `pools` in an agent's configuration.
    init(document: Document) throws(DescriptionError) {
        var fields = try Fields(document, "a pool")
        let name = try fields.required("name").text("name")
        guard NodeName(name).isWellFormed else { throw document.failure("\"\(name.shown)\" is no name for a pool") }
        let place = try fields.required("command")
        let command = try place.texts("command")
        guard command.count >= 2 else {
            throw place.failure("command starts a fork server: [python3, -m, berth_worker, --import, numpy]")
        }
        guard !command.contains("--socket") else { throw place.failure("Berth itself adds --socket; leave it out") }
        self.init(name: name, command: command)
        if let resources = fields.optional("resources") {
            var part = try Fields(resources, "resources")
            cpus = try part.integer("cpus", 1...100_000) ?? cpus
            memoryBytes = try part.bytes("memory") ?? memoryBytes
            try part.finish()
        }
        if let slots = fields.optional("slots") {
            var part = try Fields(slots, "slots")
            minimumSlots = try part.integer("minimum", 0...1000) ?? minimumSlots
            maximumSlots = try part.integer("maximum", 1...1000) ?? max(1, minimumSlots)
            idleTime = try part.duration("idle") ?? idleTime
            guard minimumSlots <= maximumSlots else {
                throw slots.failure("minimum is at most maximum, and here stand \(minimumSlots) and \(maximumSlots)")
            }
            try part.finish()
        }
        try fields.finish()
    }
}
