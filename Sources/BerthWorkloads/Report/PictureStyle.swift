/// The colours of a picture. What draws the file in a dark window gets the dark ones, where it can.
enum PictureStyle {
    /// Of jobs; mid-tones that stand out from white and from near-black, and from one another without red and green.
    private static let jobColours = [
        "#4477aa", "#ee7733", "#228833", "#cc3377", "#3399bb", "#aa8800", "#7766bb", "#44aa88",
    ]

    static var jobColourCount: Int { jobColours.count }

    /// The class that a job's rectangles carry, by its number in the order of first starts.
    static func jobClass(_ number: Int) -> String { "j\(number % jobColours.count)" }

    static let sheet: String = {
        let jobs = jobColours.enumerated().map { ".j\($0.offset){fill:\($0.element)}" }.joined()
        let light = colours(ground: "#ffffff", text: "#222222", line: "#d8d8d8", edge: "#888888", ink: "#2266aa")
        let dark = colours(ground: "#16191d", text: "#e4e6e8", line: "#363b41", edge: "#8a9097", ink: "#66aaee")
        return "text{font:12px system-ui,'Segoe UI',Helvetica,Arial,sans-serif}.head{font-size:16px;font-weight:600}"
            + ".grid{stroke-width:1}.edge{fill:none;stroke-width:1}.curve{fill:none;stroke-width:1.2}.area{opacity:.25}"
            + jobs + light + "@media(prefers-color-scheme:dark){\(dark)}"
    }()

    private static func colours(ground: String, text: String, line: String, edge: String, ink: String) -> String {
        ".ground{fill:\(ground)}text{fill:\(text)}.grid{stroke:\(line)}.edge{stroke:\(edge)}.curve{stroke:\(ink)}"
            + ".area,.map{fill:\(ink)}"
    }
}
