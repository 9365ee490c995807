import BerthModel

extension ModelReference {
    /// What a text must be, for messages.
    static let rule = "is NAME or NAME:VERSION of letters, digits and \"._~-\""
}

extension Document {
    /// `resnet` or `resnet:3`.
    func model(_ name: String) throws(DescriptionError) -> ModelReference {
        let text = try text(name)
        guard let model = ModelReference(text) else {
            throw failure("\(name) \(ModelReference.rule), and here stands \"\(text.shown)\"")
        }
        return model
    }
}
