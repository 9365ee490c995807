import BerthModel
import Foundation
import Glibc
import Synchronization

/// What becomes of model servers that have been started: when they are ready, which models they have, and where they
/// compute.
extension WarmPools {
    private typealias ServerState = SlotTable.ServerState

    // MARK: - What a server says

    /// Asks a server that has been started until it is ready, and notes how long that took.
    func awaitReadiness(of slot: Slot, _ terms: PoolDefinition.ServerTerms, _ table: inout SlotTable) {
        if let seconds = slot.readySeconds {
            table.entries[slot.key]?.server?.phase = .ready(seconds: seconds)
            return
        }
        let began = ContinuousClock.now
        Task { [self] in
            let server = ModelServer(url: slot.identity.url ?? "", client: client)
            var wait = Duration.milliseconds(10)
            while isStarting(slot) {
                bindServer(slot.key)
                if await server.isReady(at: terms.readyPath) { return becameReady(slot, since: began) }
                guard ContinuousClock.now - began < terms.readyTime else {
                    return giveUp(slot, "was not ready within \(terms.readyTime.text)" + slot.lastWords)
                }
                try? await Task.sleep(for: wait)
                wait = min(wait * 1.3, .milliseconds(250))
            }
        }
    }

    private func isStarting(_ slot: Slot) -> Bool {
        table.withLock { table in
            dropEnded(slot.key, &table, .now)
            return table.holds(slot) && table.entries[slot.key]?.server?.phase == .starting
        }
    }

    private func becameReady(_ slot: Slot, since began: SlotTable.Instant) {
        let users = [slot.owner, 0]
        if let port = slot.port, let owner = LoopbackPort.owner(of: port), !users.contains(owner) {
            return giveUp(slot, "found its port \(port) taken by another user's program")
        }
        let seconds = self.seconds(since: began)
        slot.note(readySeconds: seconds)
        let lost: [ModelReference] = table.withLock { table in
            guard table.holds(slot) else { return [] }
            table.entries[slot.key]?.server?.phase = .ready(seconds: seconds)
            let models = table.entries[slot.key]?.server?.models ?? [:]
            table.entries[slot.key]?.server?.models = models.mapValues { _ in .loading }
            return models.keys.sorted { $0.description < $1.description }
        }
        // Those that it had when it ended by itself; its jobs ask for them.
        for model in lost { load(model, in: slot) }
    }

    /// Ends a server that is of no use; for jobs that know its address it is started again.
    private func giveUp(_ slot: Slot, _ sentence: String) {
        table.withLock { table in
            guard table.holds(slot) else { return }
            table.fail(slot.key, sentence, at: .now)
            table.entries[slot.key]?.server?.phase = .down
        }
        Thread.detachNewThread { slot.end() }
    }

    // MARK: - A model that is loaded

    /// Returns when a server has the attempt's model.
    ///
    /// - Returns: what its loading took, in seconds, where it had been loaded; 0 where it is not known.
    func haveModel(_ demand: ServerDemand, in slot: Slot, _ miss: inout PoolUse.Miss?) async throws -> Double {
        guard let model = demand.model else { return 0 }
        if try await server(in: slot, for: demand, has: model) {
            guard case .loaded(let seconds) = modelState(model, in: slot) else { return 0 }
            return seconds
        }
        miss = miss ?? .modelNotLoaded
        let isFirst = table.withLock { table in
            guard table.holds(slot), table.entries[slot.key]?.server?.models[model] != .loading else { return false }
            table.entries[slot.key]?.server?.models[model] = .loading
            return true
        }
        if isFirst { load(model, in: slot) }
        while true {
            switch modelState(model, in: slot) {
            case .loaded(let seconds): return seconds
            case .failed(let sentence): throw ExecutionProblem(sentence)
            case .loading: try await Task.sleep(for: .milliseconds(5))
            case nil:
                let sentence = table.withLock { $0.failures[slot.key]?.sentence } ?? "was ended"
                throw problem(demand, sentence)
            }
        }
    }

    /// Asks until there is an answer: a server may be busy.
    private func server(in slot: Slot, for demand: ServerDemand, has model: ModelReference) async throws -> Bool {
        let server = ModelServer(url: slot.identity.url ?? "", client: client)
        let deadline = ContinuousClock.now + demand.terms.readyTime
        while true {
            if let answer = await server.readiness(of: model) { return answer }
            guard modelState(model, in: slot) != nil || table.withLock({ $0.holds(slot) }) else { return false }
            guard ContinuousClock.now < deadline else {
                throw problem(demand, "did not answer within \(demand.terms.readyTime.text)")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// nil where the server is not there any more, or has never had the model.
    private func modelState(_ model: ModelReference, in slot: Slot) -> ServerState.ModelState? {
        table.withLock { table in
            dropEnded(slot.key, &table, .now)
            guard table.holds(slot), case .ready = table.entries[slot.key]?.server?.phase else { return nil }
            return table.entries[slot.key]?.server?.models[model]
        }
    }

    /// Goes on where the job that first asked for the model does not wait any longer: the next finds it loaded.
    private func load(_ model: ModelReference, in slot: Slot) {
        let began = ContinuousClock.now
        let patience = definition(slot.identity.pool)?.server?.readyTime ?? .seconds(120)
        Task { [self] in
            let outcome: ServerState.ModelState
            do {
                try await ModelServer(url: slot.identity.url ?? "", client: client).load(model, within: patience)
                outcome = .loaded(seconds: seconds(since: began))
            } catch {
                outcome = .failed("\(error)")
            }
            table.withLock { table in
                if table.holds(slot) { table.entries[slot.key]?.server?.models[model] = outcome }
            }
        }
    }

    // MARK: - Where it computes

    /// Binds a server to the PUs of the jobs that use it. One that nobody uses stays where it was. Takes some microseconds
    /// for each of its threads.
    func bindServer(_ key: String) {
        // One at a time, so that what is true last is also what is done last.
        binding.withLock { _ in
            let found: (slot: Slot, cpus: CPUSet)? = table.withLock { table in
                guard let entry = table.entries[key], entry.server != nil else { return nil }
                return (entry.slot, entry.jobs.values.reduce(CPUSet()) { $0.union($1) })
            }
            if let found, !found.cpus.isEmpty { found.slot.bind(to: found.cpus) }
        }
    }

    /// The processes that compute for an attempt beside its own.
    func processes(serving attempt: AttemptID) -> Set<Int32> {
        let slot = table.withLock { table in table.key(of: attempt).flatMap { table.entries[$0] } }
        guard let slot, slot.server != nil else { return [] }
        return Set(slot.slot.processes)
    }

    func seconds(since began: SlotTable.Instant) -> Double {
        Double((ContinuousClock.now - began).microseconds) / 1_000_000
    }
}
