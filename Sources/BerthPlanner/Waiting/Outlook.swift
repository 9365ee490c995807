import BerthModel

/// What is believed about the jobs of a line: how long they run, and so how urgent each is.
struct Outlook: Sendable {
    /// What it was worked out from.
    let epoch: Int
    let score: QueueScore
    /// As its submitter says; else the time that four in five of its likes stayed within, where two or more are
    /// remembered; else its limit; nil where nothing is known.
    let expectedTime: Duration?

    init(_ terms: WaitingTerms, _ runTimes: RunTimeKnowledge) {
        epoch = runTimes.epoch
        let request = terms.shapes.first?.request ?? ResourceRequest()
        let features = terms.runTimeFeatures
        if let stated = terms.expectedTime {
            expectedTime = min(stated, terms.timeLimit ?? stated)
            score = QueueScore(RunTimeEstimate(exactSeconds: max(1, stated.inSeconds)), width: Self.width(request))
        } else {
            let estimate = runTimes.known.estimate(features)
            score = QueueScore(estimate, width: Self.width(request))
            if let seconds = runTimes.known.expectedSeconds(of: features, estimate) {
                let learned = Duration.seconds(seconds)
                expectedTime = min(learned, terms.timeLimit ?? learned)
            } else {
                expectedTime = terms.timeLimit
            }
        }
    }

    /// What a job takes in cores; a GPU or a device counts as sixteen.
    private static func width(_ request: ResourceRequest) -> Int {
        let gpus = ((request.gpus?.thousandths ?? 0) * 16 + GPURequest.whole - 1) / GPURequest.whole
        let devices = request.devices.reduce(0) { $0.addingClamped($1.count.multipliedClamped(by: 16)) }
        return max(1, request.cpus.addingClamped(gpus).addingClamped(devices).multipliedClamped(by: request.nodes))
    }
}

extension Int {
    fileprivate func multipliedClamped(by other: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }

    func addingClamped(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
