using System.Globalization;
using System.Text.Json;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Configuration;

namespace TorchKv.Cli.Commands;

/// <summary>Describes a checkpoint: its shape, its size and the model card in its folder.</summary>
internal sealed record ModelCard(string Directory, Gpt2Config Config, long FileBytes, string? Text)
{
    public static ModelCard Read(string directory)
    {
        var config = Gpt2Config.Load(directory);
        var bytes = System.IO.Directory.Exists(directory)
            ? System.IO.Directory.EnumerateFiles(directory, "*.safetensors").Sum(file => new FileInfo(file).Length)
            : 0;
        var card = Path.Combine(directory, "README.md");
        return new ModelCard(directory, config, bytes, File.Exists(card) ? CliConsole.ReadFile(card) : null);
    }

    public void Write(TextWriter output, AnsiStyle style)
    {
        void Row(string name, string value) => output.WriteLine($"{style.Cyan(name.PadRight(14))}{value}");
        Row("model", Directory);
        Row(
            "shape",
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Config.LayerCount} layers, {Config.HeadCount} heads of {Config.HeadDim}, width "
                + $"{Config.EmbeddingSize}, context {Config.ContextLength}"));
        Row("vocabulary", Config.VocabSize.ToString("N0", CultureInfo.InvariantCulture));
        Row("parameters", Config.ParameterCount.ToString("N0", CultureInfo.InvariantCulture));
        Row("file", FileBytes > 0 ? ByteSize.Format(FileBytes) : "no .safetensors file here");
        var cache = new CacheMemory(Config);
        Row(
            "cache",
            $"{ByteSize.Format(cache.Bytes(1))} a token, {ByteSize.Format(cache.Bytes(Config.ContextLength))} at "
            + $"{Config.ContextLength} (float32)");
        if (Text is not null)
        {
            output.WriteLine();
            output.WriteLine(Text.Trim());
        }
    }

    public void WriteJson(Utf8JsonWriter writer)
    {
        writer.WriteStartObject("model");
        writer.WriteString("directory", Directory);
        writer.WriteNumber("layers", Config.LayerCount);
        writer.WriteNumber("heads", Config.HeadCount);
        writer.WriteNumber("head_dim", Config.HeadDim);
        writer.WriteNumber("context", Config.ContextLength);
        writer.WriteNumber("vocab", Config.VocabSize);
        writer.WriteNumber("parameters", Config.ParameterCount);
        writer.WriteNumber("file_bytes", FileBytes);
        writer.WriteString("card", Text);
        writer.WriteEndObject();
    }
}
