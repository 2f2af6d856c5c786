namespace TorchKv.Server.Resuming;

/// <summary>The events of one choice, in their order.</summary>
internal enum ChoicePhase
{
    /// <summary>None yet.</summary>
    None,

    /// <summary>A chat's event with the role.</summary>
    Begun,

    /// <summary>Events with text.</summary>
    Text,

    /// <summary>The text of the choice's last piece, where an event with the reason follows.</summary>
    LastText,

    /// <summary>The event with the reason.</summary>
    Ended,
}
