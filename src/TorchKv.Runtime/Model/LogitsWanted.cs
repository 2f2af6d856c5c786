namespace TorchKv.Runtime.Model;

/// <summary>Which positions of a row a step gives logits for.</summary>
public enum LogitsWanted
{
    /// <summary>None: a piece of a prompt that is not its last.</summary>
    None,

    /// <summary>The row's last token.</summary>
    Last,

    /// <summary>Every token of the row.</summary>
    All,
}
