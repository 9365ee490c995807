import BerthWorkloads
import Testing

struct SpotTraceTests {
    private func read(_ json: String, name: String = "made") throws(TraceError) -> SpotTrace {
        try SpotTrace(json: Array(json.utf8), name: name)
    }

    @Test func `a gang is there when all its instances are`() throws {
        let trace = try read(
            #"{"metadata": {"gap_seconds": 300}, "data": [4, 3, 0, 4]}"#, name: "availability__4-node__aws__zone.json")
        #expect(trace.isAvailable == [true, false, false, true])
        #expect(trace.gapSeconds == 300)
    }

    @Test(arguments: [
        "", "[]", #"{"data": [1]}"#, #"{"metadata": {"gap_seconds": 0}, "data": [1]}"#,
        #"{"metadata": {"gap_seconds": 1e300}, "data": [1]}"#, #"{"metadata": {"gap_seconds": 600}, "data": []}"#,
        #"{"metadata": {"gap_seconds": 600}, "data": [1, -1]}"#, #"{"metadata": {"gap_seconds": 600}, "data": [1e99]}"#,
        #"{"metadata": {"gap_seconds": 600}, "data": ["1"]}"#,
    ])
    func `what is no trace is refused`(json: String) {
        #expect(throws: TraceError.self) { try read(json) }
    }

    @Test func `a gang of none is refused`() {
        #expect(throws: TraceError.self) {
            try read(#"{"metadata": {"gap_seconds": 600}, "data": [1]}"#, name: "availability__0-node__aws.json")
        }
    }
}
