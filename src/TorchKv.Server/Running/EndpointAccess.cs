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

    /// <summary>
    /// What the live page may be seen with: the admin's key, or without any keys a loopback connection.
    /// </summary>
    Live,

    /// <summary>
    /// Nothing where there is an admin's key, since the page's files are no secret and ask for it; else as
    /// <see cref="Live"/>.
    /// </summary>
    Page,

    /// <summary>A key, a free place under its rate limit, and a server that takes work.</summary>
    Work,

    /// <summary>A router, by the internal port or key.</summary>
    Internal,

    /// <summary>A router, and a server that takes work.</summary>
    InternalWork,
}
