namespace TorchKv.Server.Running;

/// <summary>What a request to an endpoint needs.</summary>
internal enum EndpointAccess
{
    /// <summary>Nothing: whether the server lives is no secret.</summary>
    Open,

    /// <summary>A key, unless the options open the metrics.</summary>
    Metrics,

    /// <summary>A key.</summary>
    Key,

    /// <summary>A key, a free place under its rate limit, and a server that takes work.</summary>
    Work,
}
