namespace TorchKv.Cli.Terminal;

/// <summary>Colour where a terminal shows it, nothing elsewhere.</summary>
internal readonly record struct AnsiStyle(bool Enabled)
{
    public string Bold(string text) => Wrap(text, "1");

    public string Dim(string text) => Wrap(text, "2");

    public string Red(string text) => Wrap(text, "31");

    public string Green(string text) => Wrap(text, "32");

    public string Yellow(string text) => Wrap(text, "33");

    public string Cyan(string text) => Wrap(text, "36");

    private string Wrap(string text, string code) => Enabled && text.Length > 0 ? $"\e[{code}m{text}\e[0m" : text;
}
