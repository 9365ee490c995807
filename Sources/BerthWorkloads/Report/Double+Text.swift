extension Double {
    /// The number with so many decimals, the half rounded away from zero; `-` for what is no number.
    package func text(decimals: Int) -> String {
        guard isFinite else { return "-" }
        let factor = (0..<decimals).reduce(1) { factor, _ in factor * 10 }
        let scaled = (magnitude * Double(factor)).rounded()
        guard scaled < 1e18 else { return "\(self)" }
        let digits = Int64(scaled)
        let sign = self < 0 && digits > 0 ? "-" : ""
        guard decimals > 0 else { return sign + "\(digits)" }
        let fraction = "\(digits % Int64(factor))"
        return sign + "\(digits / Int64(factor))." + String(repeating: "0", count: decimals - fraction.count) + fraction
    }

    /// The same without zeros at the end.
    package func shortText(decimals: Int) -> String {
        var text = text(decimals: decimals)
        guard text.contains("."), !text.contains("e") else { return text }
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }
}
