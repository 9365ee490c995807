import BerthModel

extension PoolDefinition {
    /// An item of `pools` in an agent's configuration.
    init(document: Document) throws(DescriptionError) {
        var fields = try Fields(document, "a pool")
        let name = try fields.required("name").text("name")
        guard NodeName(name).isWellFormed else { throw document.failure("\"\(name.shown)\" is no name for a pool") }
        let kind = try fields.optional("kind")?.choice("kind", Kind.self) ?? .fork
        let place = try fields.required("command")
        self.init(name: name, command: try place.texts("command"))
        switch kind {
        case .fork: try checkForkCommand(place)
        case .server:
            try checkServerCommand(place)
            server = try fields.optional("ready").map(ServerTerms.init(document:)) ?? ServerTerms()
        }
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

    private enum Kind: String, CaseIterable { case fork, server }

    private func checkForkCommand(_ place: Document) throws(DescriptionError) {
        guard command.count >= 2 else {
            throw place.failure("command starts a fork server: [python3, -m, berth_worker, --import, numpy]")
        }
        guard !command.contains("--socket") else { throw place.failure("Berth itself adds --socket; leave it out") }
    }

    private func checkServerCommand(_ place: Document) throws(DescriptionError) {
        guard command.first?.isEmpty == false else { throw place.failure("command names no program") }
        let listens = ["{port}", "{socket}"].filter { mark in command.contains { $0.contains(mark) } }
        guard listens.count == 1 else {
            throw place.failure(
                "a model server's command says where it listens: by {port}, or by {socket}, and not by both")
        }
    }
}

extension PoolDefinition.ServerTerms {
    fileprivate init(document: Document) throws(DescriptionError) {
        self.init()
        var fields = try Fields(document, "ready")
        readyPath = try fields.text("path") ?? readyPath
        guard readyPath.hasPrefix("/"), readyPath.utf8.count <= 1000,
            readyPath.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw document.failure("ready.path is a path like /v2/health/ready") }
        readyTime = try fields.duration("within") ?? readyTime
        guard readyTime >= .seconds(1), readyTime <= .seconds(86_400) else {
            throw document.failure("ready.within is from 1s to 24h")
        }
        try fields.finish()
    }
}
