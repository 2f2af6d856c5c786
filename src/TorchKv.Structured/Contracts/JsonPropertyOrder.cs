namespace TorchKv.Structured.Contracts;

/// <summary>In which order a JSON constraint allows the properties of an object.</summary>
public enum JsonPropertyOrder
{
    /// <summary>
    /// Those that the schema declares in its order, then all others. A model has less to choose, and more tokens are
    /// forced.
    /// </summary>
    Schema,

    /// <summary>
    /// Any order. Each set of properties that are there needs parser rows and masks of its own. Objects whose
    /// properties are counted (<c>minProperties</c> above 1, <c>maxProperties</c>) or must be there under one of
    /// several names keep the schema's order.
    /// </summary>
    Any,
}
