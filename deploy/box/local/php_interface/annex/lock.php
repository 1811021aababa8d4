<?php

declare(strict_types=1);

/**
 * Refuses a forbidden stage before it is saved, by the rules that Annex exports (`annex stage-lock-rules`).
 *
 * The module decides nothing that Annex would decide otherwise: where it is in doubt (no rules, a stage without a name, an
 * error) it lets the change pass, and Annex judges it afterwards as it does in the cloud.
 */

namespace Annex\Lock;

final class Rules
{
    public const FORMAT = 1;

    /** @param array<string, mixed> $data */
    private function __construct(private array $data)
    {
    }

    public static function load(string $path): ?self
    {
        $text = is_file($path) ? file_get_contents($path) : false;
        $data = $text === false ? null : json_decode($text, true);
        return is_array($data) && ($data['format'] ?? null) === self::FORMAT ? new self($data) : null;
    }

    public function mayOverride(int $user): bool
    {
        foreach ($this->data['override'] ?? [] as $person) {
            if ((int) preg_replace('/\D/', '', (string) $person) === $user) {
                return true;
            }
        }
        return false;
    }

    /** Our word for a stage, by the portal's code of it or by what staff call it in that pipeline. */
    public function word(string $entity, string $code, string $label, string $pipeline): ?string
    {
        $found = null;
        foreach ($this->stages($entity) as $word => $stage) {
            if ($stage['code'] !== '' && $stage['code'] === $code) {
                return $word;
            }
            $labels = array_map([self::class, 'folded'], $stage['labels']);
            $same = $stage['pipeline'] === '' || self::folded($stage['pipeline']) === self::folded($pipeline);
            if ($found === null && $same && in_array(self::folded($label), $labels, true)) {
                $found = $word;
            }
        }
        return $found;
    }

    public function allows(string $entity, int $record, string $from, ?string $to): bool
    {
        if ($to === $from) {
            return true;
        }
        if ($to !== null && in_array($to, $this->stages($entity)[$from]['next'], true)) {
            return true;
        }
        return $to !== null && in_array([(string) $record, $to], $this->data['entities'][$entity]['granted'] ?? [], true);
    }

    /** Whether a record may stand in that pipeline because the set names it nowhere and opens all such. */
    public function opensOther(string $entity, string $pipeline): bool
    {
        if (($this->data['other_pipelines'] ?? 'refuse') !== 'allow' || trim($pipeline) === '') {
            return false;
        }
        foreach ($this->stages($entity) as $stage) {
            if ($stage['pipeline'] === '' || self::folded($stage['pipeline']) === self::folded($pipeline)) {
                return false;
            }
        }
        return true;
    }

    /** @return list<string> what staff call the stages that are open from there */
    public function open(string $entity, string $from): array
    {
        $stages = $this->stages($entity);
        $labels = [];
        foreach ($stages[$from]['next'] as $word) {
            $labels[] = $stages[$word]['labels'][0];
        }
        return $labels;
    }

    public function locks(string $entity): bool
    {
        return isset($this->data['entities'][$entity]);
    }

    /** @return array<string, array{labels: list<string>, code: string, pipeline: string, next: list<string>}> */
    private function stages(string $entity): array
    {
        return $this->data['entities'][$entity]['stages'] ?? [];
    }

    private static function folded(string $text): string
    {
        return mb_strtolower(trim($text), 'UTF-8');
    }
}

/** What the portal knows; everything unconfirmed about its own code stands here. */
interface Portal
{
    /** @return array{stage: string, label: string, pipeline: string}|null */
    public function standing(string $entity, int $record): ?array;

    /** @return array{label: string, pipeline: string}|null */
    public function stage(string $entity, string $code, ?int $category): ?array;

    public function user(): int;
}

final class Handler
{
    /** @param list<int> $free ids of users who are never held up: the one whose rights Annex uses */
    public function __construct(private ?Rules $rules, private Portal $portal, private array $free = [])
    {
    }

    /**
     * @param array<string, mixed> $fields
     * @return bool false: the change must not be saved, and the reason stands in RESULT_MESSAGE
     */
    public function mayUpdate(string $entity, string $stageField, array &$fields): bool
    {
        try {
            $refusal = $this->refusal($entity, $stageField, $fields);
        } catch (\Throwable $error) {
            error_log('annex lock: ' . $error->getMessage());
            return true;
        }
        if ($refusal === null) {
            return true;
        }
        $fields['RESULT_MESSAGE'] = $refusal;
        return false;
    }

    /** @param array<string, mixed> $fields */
    private function refusal(string $entity, string $stageField, array $fields): ?string
    {
        $user = $this->portal->user();
        $record = (int) ($fields['ID'] ?? 0);
        $code = (string) ($fields[$stageField] ?? '');
        if ($this->rules === null || !$this->rules->locks($entity) || $record === 0 || $code === '') {
            return null;
        }
        if ($user === 0 || in_array($user, $this->free, true) || $this->rules->mayOverride($user)) {
            return null; // without a user it is a robot or an agent: Annex judges that afterwards
        }
        $now = $this->portal->standing($entity, $record);
        if ($now === null || $now['stage'] === $code) {
            return null;
        }
        $category = isset($fields['CATEGORY_ID']) ? (int) $fields['CATEGORY_ID'] : null;
        $next = $this->portal->stage($entity, $code, $category);
        $from = $this->rules->word($entity, $now['stage'], $now['label'], $now['pipeline']);
        if ($from === null || $next === null) {
            return null;
        }
        $to = $this->rules->word($entity, $code, $next['label'], $next['pipeline']);
        if ($this->rules->allows($entity, $record, $from, $to)) {
            return null;
        }
        if ($to === null && $this->rules->opensOther($entity, $next['pipeline'])) {
            return null;
        }
        $open = $this->rules->open($entity, $from);
        return sprintf(
            'Со стадии «%s» нельзя перейти на «%s». Открыты: %s.',
            $now['label'],
            $next['label'],
            $open === [] ? 'ничего' : '«' . implode('», «', $open) . '»'
        );
    }
}
