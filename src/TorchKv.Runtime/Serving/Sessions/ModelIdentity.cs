using System.Security.Cryptography;
using System.Text;

namespace TorchKv.Runtime.Serving.Sessions;

/// <summary>
/// What decides a model's keys and values: its configuration, its weights, and the dtypes in which a runner keeps them.
/// Session files hold its SHA-256, so that no other model continues them.
/// </summary>
/// <remarks>The hash is computed when it is first needed. Thread-safe.</remarks>
public sealed class ModelIdentity
{
    private readonly Lazy<byte[]> _hash;

    private ModelIdentity(Func<byte[]> hash) => _hash = new Lazy<byte[]>(hash);

    internal byte[] Hash => _hash.Value;

    /// <summary>A name that changes whenever the model's keys and values would.</summary>
    public static implicit operator ModelIdentity(string name) => OfText(name);

    /// <summary>A name that changes whenever the model's keys and values would.</summary>
    public static ModelIdentity OfText(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return new(() => SHA256.HashData(Encoding.UTF8.GetBytes(name)));
    }

    /// <summary>The files of a model.</summary>
    /// <param name="directory">The model's folder: <c>config.json</c> and all safetensors in it are read whole.</param>
    /// <param name="kept">The runner's name, and the dtypes in which it keeps weights, keys and values.</param>
    public static ModelIdentity OfFolder(string directory, string kept) => new(() => HashFolder(directory, kept));

    /// <summary>The hash in hexadecimal, 64 digits.</summary>
    public override string ToString() => Convert.ToHexStringLower(Hash);

    private static byte[] HashFolder(string directory, string kept)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(kept + "\n"));
        var buffer = new byte[1 << 20];
        var files = Directory.GetFiles(directory, "*.safetensors").Append(Path.Combine(directory, "config.json"));
        foreach (var path in files.Order(StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes(Path.GetFileName(path) + "\n"));
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            for (int read; (read = file.Read(buffer)) > 0;)
            {
                hash.AppendData(buffer, 0, read);
            }
        }

        return hash.GetHashAndReset();
    }
}
