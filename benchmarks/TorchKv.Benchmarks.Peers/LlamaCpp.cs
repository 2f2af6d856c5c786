using System.Runtime.InteropServices;

namespace TorchKv.Benchmarks.Peers;

/// <summary>A GGUF model in llama.cpp's own library, called through its C interface.</summary>
/// <remarks>
/// The parameter structs differ between versions. They are taken as the library's defaults and passed back as opaque
/// bytes; only the four leading fields of the context's (n_ctx, n_batch, n_ubatch, n_seq_max), the same since they
/// exist, are set.
/// </remarks>
internal sealed unsafe partial class LlamaCpp : IPeer
{
    private const int F16 = 1;
    private const int Q40 = 2;
    private const int Q80 = 7;

    private static readonly Dictionary<string, int> FileTypes = new() { ["f16"] = F16, ["q4_0"] = Q40, ["q8_0"] = Q80 };

    private readonly nint _model;
    private readonly nint _context;
    private readonly int _vocabulary;

    private LlamaCpp(nint model, nint context, int vocabulary)
    {
        _model = model;
        _context = context;
        _vocabulary = vocabulary;
    }

    /// <summary>Loads the library and its CPU back ends from the folder they lie in together.</summary>
    public static void LoadLibrary(string folder)
    {
        var library = Directory.GetFiles(folder, "libllama.*so*")
            .Concat(Directory.GetFiles(folder, "libllama.so"))
            .First();
        var ggml = Directory.GetFiles(folder, "libggml.*so*").Concat(Directory.GetFiles(folder, "libggml.so")).First();
        NativeLibrary.SetDllImportResolver(typeof(LlamaCpp).Assembly, (name, _, _) => name switch
        {
            "llama" => NativeLibrary.Load(library),
            "ggml" => NativeLibrary.Load(ggml),
            _ => 0,
        });
        llama_log_set(&Discard, 0);
        ggml_backend_load_all_from_path(folder);
        llama_backend_init();
    }

    /// <summary>
    /// Writes <paramref name="source"/> (float32) again at another precision, as llama.cpp's quantize does by default.
    /// </summary>
    public static void Quantize(string source, string target, string type)
    {
        var parameters = llama_model_quantize_default_params();
        ((int*)&parameters)[1] = FileTypes[type];
        if (llama_model_quantize(source, target, &parameters) != 0)
        {
            throw new InvalidOperationException($"llama.cpp could not write {target} as {type}.");
        }
    }

    /// <summary>Loads a GGUF file and gives llama.cpp's pointer to its model.</summary>
    public static nint LoadModel(string file)
    {
        var model = llama_model_load_from_file(file, llama_model_default_params());
        return model != 0 ? model : throw new InvalidOperationException($"llama.cpp could not load {file}.");
    }

    /// <summary>
    /// Loads a GGUF file; <paramref name="sequences"/> can be decoded together in a context of
    /// <paramref name="tokens"/> in all.
    /// </summary>
    public static LlamaCpp Load(string file, int threads, int tokens, int sequences, int vocabulary)
    {
        var model = LoadModel(file);
        var parameters = llama_context_default_params();
        var leading = (uint*)&parameters;
        leading[0] = (uint)tokens;
        leading[1] = 2048;
        leading[2] = 512;
        leading[3] = (uint)sequences;
        var context = llama_init_from_model(model, parameters);
        if (context == 0)
        {
            throw new InvalidOperationException($"llama.cpp could not make a context of {tokens} tokens for {file}.");
        }

        llama_set_n_threads(context, threads, threads);
        return new LlamaCpp(model, context, vocabulary);
    }

    /// <inheritdoc/>
    public double BytesPerStep(int position) => double.NaN;

    /// <inheritdoc/>
    public void Reset() => llama_memory_clear(llama_get_memory(_context), true);

    /// <inheritdoc/>
    public void Step(ReadOnlySpan<int> tokens, int position)
    {
        var batch = llama_batch_init(tokens.Length, 0, 1);
        for (var i = 0; i < tokens.Length; i++)
        {
            Put(batch, i, tokens[i], position + i, sequence: 0, logits: i == tokens.Length - 1);
        }

        Decode(batch, tokens.Length);
    }

    /// <inheritdoc/>
    public void StepTogether(ReadOnlySpan<int> tokens, int position)
    {
        var batch = llama_batch_init(tokens.Length, 0, 1);
        for (var i = 0; i < tokens.Length; i++)
        {
            Put(batch, i, tokens[i], position, sequence: i, logits: true);
        }

        Decode(batch, tokens.Length);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Logits(int index) => new(llama_get_logits_ith(_context, index), _vocabulary);

    /// <inheritdoc/>
    public void StepAll(ReadOnlySpan<int> tokens)
    {
        var batch = llama_batch_init(tokens.Length, 0, 1);
        for (var i = 0; i < tokens.Length; i++)
        {
            Put(batch, i, tokens[i], i, sequence: 0, logits: true);
        }

        Decode(batch, tokens.Length);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        llama_free(_context);
        llama_model_free(_model);
    }

    private static void Put(Batch batch, int index, int token, int position, int sequence, bool logits)
    {
        batch.Token[index] = token;
        batch.Position[index] = position;
        batch.SequenceCount[index] = 1;
        batch.Sequence[index][0] = sequence;
        batch.Logits[index] = logits ? (sbyte)1 : (sbyte)0;
    }

    private void Decode(Batch batch, int count)
    {
        batch.Count = count;
        var result = llama_decode(_context, batch);
        llama_batch_free(batch);
        if (result != 0)
        {
            throw new InvalidOperationException($"llama_decode answered {result}.");
        }
    }

    [UnmanagedCallersOnly]
    private static void Discard(int level, byte* text, nint data)
    {
    }

    /// <summary>Room for a parameter struct of any version; what lies past its end is never read.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 512)]
    private struct Parameters
    {
        private long _first;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Batch
    {
        public int Count;
        public int* Token;
        public float* Embedding;
        public int* Position;
        public int* SequenceCount;
        public int** Sequence;
        public sbyte* Logits;
    }

    [LibraryImport("ggml", StringMarshalling = StringMarshalling.Utf8)]
    private static partial void ggml_backend_load_all_from_path(string folder);

    [LibraryImport("llama")]
    private static partial void llama_log_set(delegate* unmanaged<int, byte*, nint, void> callback, nint data);

    [LibraryImport("llama")]
    private static partial void llama_backend_init();

    [LibraryImport("llama")]
    private static partial Parameters llama_model_default_params();

    [LibraryImport("llama")]
    private static partial Parameters llama_context_default_params();

    [LibraryImport("llama")]
    private static partial Parameters llama_model_quantize_default_params();

    [LibraryImport("llama", StringMarshalling = StringMarshalling.Utf8)]
    private static partial uint llama_model_quantize(string source, string target, Parameters* parameters);

    [LibraryImport("llama", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint llama_model_load_from_file(string file, Parameters parameters);

    [LibraryImport("llama")]
    private static partial void llama_model_free(nint model);

    [LibraryImport("llama")]
    private static partial nint llama_init_from_model(nint model, Parameters parameters);

    [LibraryImport("llama")]
    private static partial void llama_free(nint context);

    [LibraryImport("llama")]
    private static partial void llama_set_n_threads(nint context, int threads, int batchThreads);

    [LibraryImport("llama")]
    private static partial nint llama_get_memory(nint context);

    [LibraryImport("llama")]
    private static partial void llama_memory_clear(nint memory, [MarshalAs(UnmanagedType.I1)] bool data);

    [LibraryImport("llama")]
    private static partial Batch llama_batch_init(int tokens, int embedding, int sequences);

    [LibraryImport("llama")]
    private static partial void llama_batch_free(Batch batch);

    [LibraryImport("llama")]
    private static partial int llama_decode(nint context, Batch batch);

    [LibraryImport("llama")]
    private static partial float* llama_get_logits_ith(nint context, int index);
}
