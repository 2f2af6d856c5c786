using System.Buffers;
using System.Globalization;
using TorchKv.Runtime.Serving;
using TorchKv.Server.Models;

namespace TorchKv.Server.Metrics;

/// <summary>
/// The text of <c>/metrics</c>: vLLM's names, labels and buckets, so that the Gateway API's endpoint picker and vLLM's
/// boards read it as it is, and our own names after them.
/// </summary>
internal sealed class MetricsPage(
    ServerMetrics metrics, TimeProvider time, IEnumerable<IMetricsSource> others)
{
    /// <summary>Writes the page.</summary>
    /// <param name="output">Where it goes.</param>
    /// <param name="model">The model; null while it is being loaded: its families then show zeros.</param>
    /// <param name="modelName">The value of the label <c>model_name</c>.</param>
    public void Write(IBufferWriter<byte> output, ServedModel? model, string modelName)
    {
        var counters = model is null ? default : GeneratorCounters.Of(model.Generator);
        var text = new PrometheusText(output, $"model_name=\"{PrometheusText.Escape(modelName)}\",engine=\"0\"");
        WriteState(text, counters);
        WriteTokens(text, counters);
        WriteRequests(text);
        WriteOwn(text, counters);
        WriteHttp(new PrometheusText(output, ""));
        foreach (var other in others)
        {
            other.Write(new PrometheusText(output, ""));
        }
    }

    private void WriteState(PrometheusText text, in GeneratorCounters counters)
    {
        var load = counters.Load;
        text.Gauge("vllm:num_requests_running", "Requests that are being computed.", load.RunningRequests);
        text.Gauge("vllm:num_requests_waiting", "Requests that wait to be computed.", load.QueuedRequests);
        text.Family("vllm:num_requests_waiting_by_reason", "gauge", "Requests that wait, by reason.");
        text.Sample("vllm:num_requests_waiting_by_reason", "reason=\"capacity\"", load.QueuedRequests);
        text.Sample("vllm:num_requests_waiting_by_reason", "reason=\"deferred\"", 0);
        text.Gauge(
            "vllm:kv_cache_usage_perc",
            "Share of KV blocks that requests hold; 1 is all of them.",
            load.TotalBlocks == 0 ? 0 : (double)counters.HeldBlocks / load.TotalBlocks);
        text.Family("vllm:cache_config_info", "gauge", "The KV cache's shape.");
        var blockSize = load.BlockSize > 0
            ? string.Create(CultureInfo.InvariantCulture, $"block_size=\"{load.BlockSize}\",")
            : "";
        text.Sample(
            "vllm:cache_config_info",
            string.Create(CultureInfo.InvariantCulture, $"{blockSize}num_gpu_blocks=\"{load.TotalBlocks}\""),
            1);
        text.Family("vllm:lora_requests_info", "gauge", "Adapters in use: there are none.");
        text.Sample(
            "vllm:lora_requests_info",
            "max_lora=\"0\",waiting_lora_adapters=\"\",running_lora_adapters=\"\"",
            time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0);
    }

    private static void WriteTokens(PrometheusText text, in GeneratorCounters counters)
    {
        text.Counter(
            "vllm:prefix_cache_queries_total",
            "Prompt tokens that were looked up in the prefix cache.",
            counters.PromptTokens);
        text.Counter(
            "vllm:prefix_cache_hits_total",
            "Prompt tokens that were found in the prefix cache.",
            counters.PrefixHitTokens);
        text.Counter(
            "vllm:num_preemptions_total",
            "Running requests that gave their blocks back.",
            counters.Preemptions);
        text.Counter(
            "vllm:prompt_tokens_total",
            "Prompt tokens of requests that were admitted.",
            counters.PromptTokens);
        text.Counter(
            "vllm:prompt_tokens_cached_total",
            "Prompt tokens that were not computed again.",
            counters.PrefixHitTokens);
        text.Family(
            "vllm:prompt_tokens_by_source_total",
            "counter",
            "Prompt tokens, by where their keys and values came from.");
        text.Sample(
            "vllm:prompt_tokens_by_source_total",
            "source=\"local_compute\"",
            counters.PromptTokens - counters.PrefixHitTokens);
        text.Sample("vllm:prompt_tokens_by_source_total", "source=\"local_cache_hit\"", counters.PrefixHitTokens);
        text.Counter("vllm:generation_tokens_total", "Tokens that were generated.", counters.GeneratedTokens);
        var steps = counters.StepTokens;
        text.Histogram(
            "vllm:iteration_tokens_total",
            "Tokens of a step.",
            StepTokenCounts.Bounds,
            steps,
            counters.ComputedTokens);
        text.Counter(
            "vllm:spec_decode_num_drafts_total",
            "How often guessed tokens of a sequence were checked.",
            counters.Drafts);
        text.Counter(
            "vllm:spec_decode_num_draft_tokens_total",
            "Tokens that were guessed ahead.",
            counters.DraftedTokens);
        text.Counter(
            "vllm:spec_decode_num_accepted_tokens_total",
            "Guessed tokens that the model chose too.",
            counters.AcceptedDraftTokens);
        WriteAcceptedPositions(text, counters.AcceptedDraftPositions);
    }

    /// <summary>
    /// Writes the positions up to the last that was ever accepted: no later one can be without those before it.
    /// </summary>
    private static void WriteAcceptedPositions(PrometheusText text, DraftPositionCounts positions)
    {
        const string Name = "vllm:spec_decode_num_accepted_tokens_per_pos_total";
        text.Family(Name, "counter", "Guessed tokens that the model chose too, by their place in the guess.");
        text.Sample(Name, "position=\"0\"", positions[0]);
        for (var i = 1; i < DraftPositionCounts.Length && positions[i] > 0; i++)
        {
            text.Sample(Name, string.Create(CultureInfo.InvariantCulture, $"position=\"{i}\""), positions[i]);
        }
    }

    private void WriteRequests(PrometheusText text)
    {
        text.Counter(
            "vllm:request_success_total",
            "Requests that ended, by reason.",
            "finished_reason",
            metrics.Finished);
        text.Histogram(
            "vllm:time_to_first_token_seconds",
            "Time from a request to its first token.",
            metrics.TimeToFirstToken);
        text.Histogram(
            "vllm:inter_token_latency_seconds",
            "Time between two tokens of an answer.",
            metrics.InterTokenLatency);
        text.Histogram(
            "vllm:request_time_per_output_token_seconds",
            "A request's mean time between tokens.",
            metrics.TimePerOutputToken);
        text.Histogram("vllm:e2e_request_latency_seconds", "Time from a request to its end.", metrics.RequestDuration);
        text.Histogram("vllm:request_queue_time_seconds", "Time that a request waited.", metrics.QueueTime);
        text.Histogram(
            "vllm:request_inference_time_seconds",
            "Time from a request's admission to its end.",
            metrics.InferenceTime);
        text.Histogram(
            "vllm:request_prefill_time_seconds",
            "Time from a request's admission to its first token.",
            metrics.PrefillTime);
        text.Histogram(
            "vllm:request_decode_time_seconds",
            "Time from a request's first token to its end.",
            metrics.DecodeTime);
        text.Histogram("vllm:request_prompt_tokens", "Tokens of a request's prompt.", metrics.PromptTokens);
        text.Histogram("vllm:request_generation_tokens", "Tokens that a request generated.", metrics.GenerationTokens);
        text.Histogram(
            "vllm:request_max_num_generation_tokens",
            "Tokens of a request's longest answer.",
            metrics.MaxGenerationTokens);
        text.Histogram(
            "vllm:request_prefill_kv_computed_tokens",
            "Prompt tokens that a request computed.",
            metrics.PrefillComputedTokens);
        text.Histogram(
            "vllm:request_num_preemptions",
            "How often a request gave its blocks back.",
            metrics.Preemptions);
        text.Histogram("vllm:request_params_n", "Answers that a request asked for.", metrics.ParamsN);
        text.Histogram("vllm:request_params_max_tokens", "Tokens that a request asked for.", metrics.ParamsMaxTokens);
    }

    private void WriteOwn(PrometheusText text, in GeneratorCounters counters)
    {
        text.Family("torchkv_pool_blocks", "gauge", "KV blocks, by state.");
        text.Sample("torchkv_pool_blocks", "state=\"cached\"", counters.CachedBlocks);
        text.Sample("torchkv_pool_blocks", "state=\"free\"", counters.Load.FreeBlocks - counters.CachedBlocks);
        text.Sample("torchkv_pool_blocks", "state=\"held\"", counters.HeldBlocks);
        text.Gauge(
            "torchkv_pool_unused_token_slots",
            "Tokens of room in held blocks that no token is in.",
            counters.UnusedTokenSlots);
        text.Counter(
            "torchkv_prefix_hit_tokens_total",
            "Prompt tokens that were found in the prefix cache.",
            counters.PrefixHitTokens);
        text.Counter(
            "torchkv_computed_tokens_total",
            "Tokens that were computed, prompts' and generated ones'.",
            counters.ComputedTokens);
        text.Counter("torchkv_steps_total", "Steps of the engine.", counters.Steps);
        text.Counter("torchkv_evictions_total", "Cached blocks that were given to another use.", counters.Evictions);
        text.Gauge("torchkv_http_streams", "Streams that are open.", metrics.Streams);
        text.Counter(
            "torchkv_http_stream_aborts_total",
            "Streams that were cut, by reason.",
            "reason",
            metrics.StreamAborts);
        text.Counter(
            "torchkv_rejected_total",
            "Requests that were refused, by the error's code.",
            "reason",
            metrics.Rejected);
    }

    private void WriteHttp(PrometheusText text)
    {
        text.Family("http_requests_total", "counter", "HTTP requests, by endpoint, method and class of status.");
        foreach (var (labels, count) in metrics.HttpRequests.Counts)
        {
            text.Sample("http_requests_total", labels, count);
        }

        text.Histogram(
            "http_request_duration_seconds",
            "Time from a request to the end of its answer.",
            metrics.HttpDuration);
    }
}
