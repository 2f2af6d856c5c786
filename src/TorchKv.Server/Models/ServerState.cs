namespace TorchKv.Server.Models;

/// <summary>Whether the server takes work.</summary>
internal enum ServerState
{
    /// <summary>The model is being loaded, or its first token computed.</summary>
    Loading,

    /// <summary>Work is taken.</summary>
    Ready,

    /// <summary>The model could not be loaded.</summary>
    Failed,

    /// <summary>Running requests finish; new ones are refused.</summary>
    Draining,
}
