extension RunTimeEstimator.Features {
    /// What a job takes as its longest time where it sets no limit: only for comparing it with its likes.
    public static let assumedLimit = Duration.seconds(86_400)

    /// What tells a job's likes: numbers in its name count as equal, so that `train-1` tells of `train-2`.
    public init(user: String, name: String, cores: Int, expectedTime: Duration?, timeLimit: Duration?) {
        var family = ""
        var isInNumber = false
        for scalar in name.unicodeScalars {
            let isDigit = ("0"..."9").contains(scalar)
            if !isDigit { family.unicodeScalars.append(scalar) } else if !isInNumber { family.append("#") }
            isInNumber = isDigit
        }
        let requested = (expectedTime ?? timeLimit ?? Self.assumedLimit).inSeconds
        self.init(
            user: user, name: family, width: cores, requestedSeconds: Int(max(1, min(requested, 1e9))))
    }
}

extension RunTimeEstimator.Setting {
    /// As for logs, but with fewer histories: they are part of every snapshot of the cluster.
    static let cluster: Self = {
        var setting = Self()
        setting.keyLimit = 20_000
        return setting
    }()
}

extension JobSpecification {
    /// The job's own limit, or else its queue's.
    public func timeLimit(in queue: Queue?) -> Duration? { timeLimit ?? queue?.defaultTime ?? queue?.maximumTime }

    func runTimeFeatures(user: String, queue: Queue?) -> RunTimeEstimator.Features {
        RunTimeEstimator.Features(
            user: user, name: name, cores: resources.cpus, expectedTime: expectedTime,
            timeLimit: timeLimit(in: queue))
    }
}
