/// The attempts that wait on a node for what one of their job holds there. Each takes it over when the one before it has
/// ended, without the controller being asked: it was recorded before.
public struct Succession: Hashable, Sendable, Codable {
    /// Since when the holder holds it; for one that was given free resources, since when others wait behind it.
    public internal(set) var since: Timestamp
    /// In their order, never empty.
    public internal(set) var attempts: [AttemptID]
}

extension Node {
    /// Everybody that the node was told of and has not ended there: those that hold resources, and then, in their order, those
    /// that wait behind them.
    public var known: [AttemptID] {
        let holders = given.keys.sorted()
        return successions.isEmpty ? holders : holders + holders.flatMap { successions[$0]?.attempts ?? [] }
    }

    /// Whether it was told of the attempt, which has not ended there.
    public func knows(_ attempt: AttemptID) -> Bool {
        given[attempt] != nil || successions.values.contains { $0.attempts.contains(attempt) }
    }

    /// Those that must have ended before an attempt begins: who holds its resources, and who waits before it.
    public func ahead(of attempt: AttemptID) -> [AttemptID] {
        for (holder, succession) in successions {
            if let place = succession.attempts.firstIndex(of: attempt) {
                return [holder] + succession.attempts[..<place]
            }
        }
        return []
    }

    /// Puts an attempt behind the holder and all that wait for it already.
    mutating func line(up attempt: AttemptID, behind holder: AttemptID, at time: Timestamp) {
        successions[holder, default: Succession(since: time, attempts: [])].attempts.append(attempt)
    }

    /// Takes an attempt off the node.
    ///
    /// - Returns: who holds its resources now; nil where they are free, or were never its own.
    mutating func release(_ attempt: AttemptID, at time: Timestamp) -> AttemptID? {
        guard let allocation = given.removeValue(forKey: attempt) else {
            leaveSuccession(attempt)
            return nil
        }
        guard var succession = successions.removeValue(forKey: attempt) else {
            refreshFree()
            return nil
        }
        let heir = succession.attempts.removeFirst()
        given[heir] = allocation
        succession.since = time
        if !succession.attempts.isEmpty { successions[heir] = succession }
        return heir
    }

    private mutating func leaveSuccession(_ attempt: AttemptID) {
        for (holder, succession) in successions where succession.attempts.contains(attempt) {
            let left = succession.attempts.filter { $0 != attempt }
            successions[holder] = left.isEmpty ? nil : Succession(since: succession.since, attempts: left)
        }
    }
}
