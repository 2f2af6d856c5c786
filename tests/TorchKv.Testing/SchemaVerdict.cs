namespace TorchKv.Testing;

/// <summary>What a judge says about a text.</summary>
internal enum SchemaVerdict
{
    /// <summary>It is JSON that the schema allows.</summary>
    Valid,

    /// <summary>It is no JSON, or the schema does not allow it.</summary>
    Invalid,

    /// <summary>The judge is known to err about it.</summary>
    NotJudged,
}
